import type { Replica } from "../../../src/engine/replication.ts";
import { DIGEST } from "../../../src/sync/messages/digest.ts";
import type { Connection, Dial } from "../../../src/sync/transport.ts";
import type { Member, Seams } from "../members.ts";
import type { SeamMutant } from "./mutant.ts";

/** The same replica for relays, but for what `change` says. Nodes keep theirs. */
function relayReplica(change: (replica: Replica) => Partial<Replica>): Seams {
  return {
    replica: (replica, { kind }) => {
      if (kind === "node") return replica;
      const changed = change(replica);
      return new Proxy(replica, {
        get: (target, name) => {
          const value: unknown = name in changed ? changed[name as keyof Replica] : target[name as keyof Replica];
          // Bound, since what is private of a class is not the proxy's.
          return typeof value === "function" ? (value.bind(name in changed ? changed : target) as unknown) : value;
        },
      });
    },
  };
}

/** Connections that lose some of what is sent by who dialed, against law TR1. */
function lossyDial(isLost: (bytes: Uint8Array) => boolean): (dial: Dial, member: Member) => Dial {
  return (dial) => (address, listener) => {
    const connection = dial(address, listener);
    return new Proxy<Connection>(connection, {
      get: (target, name) => {
        if (name === "send") return (bytes: Uint8Array): void => (isLost(bytes) ? undefined : target.send(bytes));
        const value: unknown = target[name as keyof Connection];
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  };
}

const ACKED = { alone: "refuse", acks: 1, degraded: "serve" } as const;

/** What no single edit of a file can do: relays and nodes run the same code, and here only one of them is wrong. */
export const SEAM_MUTANTS: readonly SeamMutant[] = [
  {
    name: "a relay takes in no end",
    laws: ["E8"],
    alone: "E8",
    message: "end",
    seams: relayReplica(() => ({ receiveEnd: async () => undefined })),
  },
  {
    name: "a relay that stores acknowledges before it has stored",
    laws: ["RP8"],
    seams: relayReplica(() => ({ stored: () => undefined })),
    options: { world: { relays: 2, relayDisks: true, sync: ACKED }, troubles: { slowDisk: 40 } },
  },
  {
    name: "a relay acknowledges changes that it did not take in",
    laws: ["RP8"],
    message: "change",
    seams: relayReplica(() => ({ receiveChange: async () => "applied" })),
  },
  {
    name: "nobody compares digests",
    laws: ["D1"],
    alone: "D1",
    message: "digest",
    seams: { dial: lossyDial((bytes) => bytes[0] === DIGEST) },
  },
  {
    name: "the fingerprints of a relay do not tell states apart",
    laws: ["R14", "D1"],
    seams: relayReplica((replica) => ({ fingerprint: (key) => Math.min(1, replica.fingerprint(key)) })),
  },
  {
    name: "a relay says that there is none, now and then",
    // A21: what is RP3 for who asks over HTTP.
    laws: ["R4", "RP3", "A21"],
    seams: relayReplica((replica) => {
      let asked = 0;
      return { record: async (key) => (++asked % 2 === 0 ? undefined : replica.record(key)) };
    }),
    // Where there are more, the others say what it is.
    options: { mix: { read: 60, write: 30 }, world: { nodes: 4, relays: 1, sync: ACKED } },
  },
  {
    name: "a node believes a relay that came back with nothing",
    laws: ["R4"],
    seams: { forgetLossAfterMs: 0 },
    options: { world: { relays: 1, relayDisks: false, sync: ACKED }, troubles: { crashRelay: 40 } },
  },
  {
    name: "a relay grants whatever is claimed",
    laws: ["C1"],
    seams: relayReplica(() => ({ claim: async () => true })),
    options: { world: { relays: 2, relayDisks: true }, mix: { claim: 60 }, troubles: { crashRelay: 40 } },
  },
];
