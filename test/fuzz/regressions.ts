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
];
