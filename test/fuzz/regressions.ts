import type { TargetName } from "./target.ts";

/** Inputs that showed a bug, for good. What is too long to read has its own test in test/property/hostile-bytes.test.ts. */
export const REGRESSIONS: readonly { readonly what: string; readonly target: TargetName; readonly hex: string }[] = [
  {
    // Seed 1: Yjs reads such a range and throws when it writes it; the engine took a fault of its own for a broken input.
    what: "a state that deletes nothing at all is refused before Yjs sees it",
    target: "state",
    hex: "0314020101542106cacc5f90541f570dbbaa6f200080d095ffbc3180dccc14c0ee6d0080d095ffbc31000096a296d224f285c60a0001ea98fcb55d010000",
  },
  {
    // Seed 8765125, input 19385: Yjs puts it in no list of deletions but one of its own, which another engine refuses.
    what: "a change with deleted clocks that are none is refused",
    target: "change",
    hex: "021572e85bc525abaa73526acacf9ad60a5a010096a296d224f285c6dde8e4e15380c801802800001a0102dde8e4e16302a1fac2a19267000003010173040480f00100",
  },
  {
    // Seed 95128, input 1388: what went on from it had a number that nobody could read.
    what: "a state of an epoch that is the last which can be written is refused",
    target: "state",
    hex: "0314010101542106cacc5f90541f570dbbaa6f200080d095ffbc3180dccc14c0ee6d0080d095ffbc3100ffffffffffffff0f96a296d224f285c699040209ea98fcb55d00030101733b0401060468697473b8c0e5d4d86759e905056974656d731aefcce614c5fbff080474616773f41029d659fb5721040464656570d43c6481c6adcbcd83ea98fcb55d00121001b8c0e5d4d86759e901ea98fcb55d7d0181ea98fcb55d010183ea98fcb55d020e1801f41029d659fb57210177016183ea98fcb55d030f0001d43c6481c6adcbcd0101617d0183ea98fcb55d041f048064040463617274130b003aad500408070475736572b4c70f9b779b325683ea98fcb55d0516008064130b003aad50040806017a1dbfb2032a4d05d783ea98fcb55d06131080641dbfb2032a4d05d701ea98fcb55d7d0983ea98fcb55d072b008064b4c70f9b779b3256010076020269647d0805726f6c65737502770561646d696e7706656469746f72068fb987da2c0081ea98fcb55d0801838fb987da2c001a0880c8011aefcce614c5fb0d006cc2dceb640b0084d0cb908c23818fb987da2c0101838fb987da2c026f1880d402f41029d659fb572101775861206c6f6e67207461672061206c6f6e67207461672061206c6f6e67207461672061206c6f6e67207461672061206c6f6e67207461672061206c6f6e67207461672061206c6f6e67207461672061206c6f6e672074616720bd35375d004f8d6f838fb987da2c03040480fc02838fb987da2c04180880fc021aefcce614c5fb0d01213e53165bb70261307d1002ea98fcb55d0102018fb987da2c0200010201",
  },
];
