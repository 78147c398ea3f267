import { deepStrictEqual } from "node:assert/strict";
import type { Delivery, FetchAnswer, Replication, SessionKey, SessionRecord } from "../../engine/index.ts";
import { changeOf, keyNamed, recordOf, SetReplica } from "./set-replica.ts";

/** A holder of record under test: where the sessions of others meet. */
export interface TestHolder {
  readonly replica: SetReplica;
  /** As by a crash or a cable: connections are gone, the replica stays as it is. */
  stop(): Promise<void>;
  /** Reachable again as before. */
  restart(): Promise<void>;
  /** Connections that are open. */
  connectionCount(): Promise<number>;
}

/** Milliseconds, but for `acks`: how many holders a response waits for. */
export interface ReplicationTimeouts {
  readonly missTimeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly acks: number;
}

export interface ReplicationUnderTest {
  /** For titles: "a relay". */
  readonly name: string;
  startHolder(): Promise<TestHolder>;
  /** Not started yet. `missTimeoutMs` and `ackTimeoutMs` bound `fetch` and `sendEnd`, `delivered`. */
  replicationOn(holders: readonly TestHolder[], timeouts: ReplicationTimeouts): Replication;
}

/** One law, as a case over a deployment of its own. */
export interface ReplicationCase {
  readonly name: string;
  readonly run: (on: Deployment) => Promise<void>;
}

/** A node with a replica of its own. */
export interface TestNode {
  readonly replica: SetReplica;
  readonly replication: Replication;
}

export const [A, B, C] = [keyNamed("a"), keyNamed("b"), keyNamed("c")];
/** Far longer than an answer takes, so that a case which holds did not wait for it; short enough to wait for where it must. */
export const TIMEOUT_MS = 300;
/** No case waits so long: what does was never answered. */
export const LONG_MS = 20_000;

/** Holders and nodes of one case. All that it starts is closed after it. */
export class Deployment {
  readonly #implementation: ReplicationUnderTest;
  readonly #cleanUps: (() => Promise<void>)[] = [];

  constructor(implementation: ReplicationUnderTest) {
    this.#implementation = implementation;
  }

  async holder(): Promise<TestHolder> {
    const started = await this.#implementation.startHolder();
    this.#cleanUps.push(() => started.stop());
    return started;
  }

  /** Started, and connected as far as that is possible. */
  async node(holders: readonly TestHolder[], timeouts: Partial<ReplicationTimeouts> = {}): Promise<TestNode> {
    const node = this.dialing(holders, new SetReplica(), timeouts);
    await node.replication.ready;
    return node;
  }

  /** Started, and not waited for. */
  dialing(holders: readonly TestHolder[], replica: SetReplica, timeouts: Partial<ReplicationTimeouts> = {}): TestNode {
    const all = { missTimeoutMs: TIMEOUT_MS, ackTimeoutMs: TIMEOUT_MS, acks: 0, ...timeouts };
    const replication = this.#implementation.replicationOn(holders, all);
    replication.start(replica);
    this.#cleanUps.push(() => replication.close());
    return { replica, replication };
  }

  async close(): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0).toReversed()) await cleanUp();
  }
}

/** One request that adds a number to a session; the first one makes it. */
export function write({ replica, replication }: TestNode, key: SessionKey, stamp: number, previousStamp = 0): void {
  const record = replica.hold(key, stamp);
  if (previousStamp === 0) {
    replication.watch(key);
    replication.sendState(key, record);
  } else replication.sendChange(key, changeOf(stamp, previousStamp));
}

/** Found, with exactly these numbers; `"ended"` for a session that is over. */
export function sameAnswer(actual: FetchAnswer, key: SessionKey, stamps: readonly number[] | "ended"): void {
  const record: SessionRecord | undefined = actual.kind === "found" ? actual.record : undefined;
  const held = record === undefined ? actual.kind : record.document === undefined ? "ended" : [...record.document.bytes];
  deepStrictEqual(held, stamps === "ended" ? stamps : [...(recordOf(key, stamps).document?.bytes ?? [])]);
}

export function sameDelivery({ acks, wanted, durable }: Delivery, expected: Delivery): void {
  deepStrictEqual({ acks, wanted, durable }, expected);
}
