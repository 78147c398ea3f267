import { afterEach, describe, expect, it } from "vitest";
import type { Replication } from "../../src/engine/index.ts";
import { eventually } from "../support/eventually.ts";
import { changeOf, endedRecord, keyNamed, recordOf, SetReplica } from "../support/set-replica.ts";

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

export interface ReplicationUnderTest {
  readonly name: string;
  startHolder(): Promise<TestHolder>;
  /** Not started yet. `missTimeoutMs` and `ackTimeoutMs` bound `fetch` and `sendEnd`. */
  replicationOn(holders: readonly TestHolder[], timeouts: { readonly missTimeoutMs: number; readonly ackTimeoutMs: number }): Replication;
}

const [A, B, C] = [keyNamed("a"), keyNamed("b"), keyNamed("c")];
/** Far longer than an answer takes, so that a test which passes did not wait for it; short enough to wait for where it must. */
const TIMEOUT_MS = 300;

/** The laws RP1 … RP5 of `src/engine/replication.ts`, for any implementation. */
export function replicationContract(implementation: ReplicationUnderTest): void {
  describe(`replication over ${implementation.name}`, () => {
    const cleanUps: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
    });

    async function holder(): Promise<TestHolder> {
      const started = await implementation.startHolder();
      cleanUps.push(() => started.stop());
      return started;
    }

    /** A node with a replica of its own; started, and connected as far as that is possible. */
    async function node(
      holders: readonly TestHolder[],
      timeoutMs = TIMEOUT_MS,
    ): Promise<{ replica: SetReplica; replication: Replication }> {
      const replica = new SetReplica();
      const replication = implementation.replicationOn(holders, { missTimeoutMs: timeoutMs, ackTimeoutMs: timeoutMs });
      replication.start(replica);
      cleanUps.push(() => replication.close());
      await replication.ready;
      return { replica, replication };
    }

    it("[RP1] sends to every holder in the order of the calls", async () => {
      const [one, other] = [await holder(), await holder()];
      const { replica, replication } = await node([one, other]);
      replication.watch(A);
      replication.sendState(A, replica.hold(A, 1));
      for (let stamp = 2; stamp <= 50; stamp += 1) {
        replica.hold(A, stamp);
        replication.sendChange(A, changeOf(stamp, stamp - 1));
      }
      replication.sendState(B, replica.hold(B, 7));
      void replication.sendEnd(A, replica.end(A));
      const expected = [
        `state ${A} 1`,
        ...Array.from({ length: 49 }, (_, index) => `change ${A} ${index + 2}`),
        `state ${B} 7`,
        `end ${A}`,
      ];
      for (const { replica: theirs } of [one, other]) await eventually(() => expect(theirs.received).toEqual(expected));
    });

    it("[RP1] [SY3] reaches whoever watches the session, and nobody else", async () => {
      const on = await holder();
      const [writer, watcher, stranger] = [await node([on]), await node([on]), await node([on])];
      for (const { replica, replication } of [writer, watcher]) {
        replication.watch(A);
        replica.hold(A, 1);
      }
      stranger.replica.hold(A, 1);
      stranger.replication.watch(B);
      writer.replication.sendState(A, recordOf(A, [1]));
      // The holder knows who watches once it has answered, because frames of one connection stay in order.
      await watcher.replication.fetch(C);
      await stranger.replication.fetch(C);
      writer.replication.sendChange(A, changeOf(2, 1));
      writer.replication.sendTouch(A, 99);
      await eventually(() => expect(watcher.replica.received).toContain(`touch ${A} 99`));
      expect(watcher.replica.read(A)).toEqual([1, 2]);
      watcher.replication.unwatch(A);
      await watcher.replication.fetch(C);
      writer.replication.sendChange(A, changeOf(3, 2));
      await eventually(() => expect(on.replica.read(A)).toEqual([1, 2, 3]));
      await Promise.all([watcher, stranger].map(({ replication }) => replication.fetch(C)));
      expect(watcher.replica.read(A)).toEqual([1, 2]);
      expect(stranger.replica.received).toEqual([]);
    });

    it("[RP2] exchanges every held session whole, both ways, when it connects", async () => {
      const on = await holder();
      on.replica.hold(A, 1, 3);
      on.replica.end(B);
      on.replica.hold(C, 5);
      const replica = new SetReplica();
      replica.hold(A, 1, 2);
      replica.hold(B, 4);
      replica.end(C);
      const replication = implementation.replicationOn([on], { missTimeoutMs: TIMEOUT_MS, ackTimeoutMs: TIMEOUT_MS });
      replication.start(replica);
      cleanUps.push(() => replication.close());
      for (const side of [replica, on.replica]) {
        await eventually(() => expect([side.read(A), side.read(B), side.read(C)]).toEqual([[1, 2, 3], "ended", "ended"]));
      }
    });

    it("[RP2] exchanges what happened on both sides of a cut, for other watchers too, once it is mended", async () => {
      const on = await holder();
      const [left, right] = [await node([on]), await node([on])];
      for (const { replica, replication } of [left, right]) {
        replication.watch(A);
        replication.sendState(A, replica.hold(A, 1));
      }
      await eventually(() => expect(on.replica.read(A)).toEqual([1]));
      await on.stop();
      left.replica.hold(A, 2);
      left.replication.sendChange(A, changeOf(2, 1));
      right.replica.hold(A, 3);
      on.replica.hold(A, 4);
      await on.restart();
      for (const { replica } of [left, right, on]) await eventually(() => expect(replica.read(A)).toEqual([1, 2, 3, 4]));
    });

    it("[RP2] brings everything back to a holder that lost its memory", async () => {
      const on = await holder();
      const { replica, replication } = await node([on]);
      for (const key of [A, B, C]) {
        replication.watch(key);
        replication.sendState(key, replica.hold(key, 1));
      }
      await eventually(() => expect(on.replica.read(C)).toEqual([1]));
      await on.stop();
      on.replica.forgetAll();
      await on.restart();
      await eventually(() => expect([A, B, C].map((key) => on.replica.read(key))).toEqual([[1], [1], [1]]));
    });

    it("[RP2] [RP4] sends an end that nobody acknowledged after every reconnect, until somebody does", async () => {
      const on = await holder();
      const { replication } = await node([on]);
      await on.stop();
      const { envelope } = endedRecord(A);
      await eventually(async () =>
        expect(await replication.sendEnd(B, endedRecord(B).envelope)).toEqual({ acks: 0, wanted: 0, durable: false }),
      );
      await replication.sendEnd(A, envelope);
      await on.restart();
      await eventually(() => expect(on.replica.received).toContain(`end ${A}`));
      expect(on.replica.read(A)).toBe("ended");
      // The ack has arrived when a later question has: they come in order.
      await eventually(async () => expect(await replication.fetch(C)).toMatchObject({ kind: "absent" }));
      await on.stop();
      on.replica.received.length = 0;
      await on.restart();
      await eventually(async () => expect(await replication.fetch(C)).toMatchObject({ kind: "absent" }));
      expect(on.replica.received).toEqual([]);
    });

    it("[RP3] finds what a holder has, and watches it from then on", async () => {
      const on = await holder();
      on.replica.hold(A, 1, 2);
      const [asking, writing] = [await node([on]), await node([on])];
      expect(await asking.replication.fetch(A)).toMatchObject({ kind: "found", record: recordOf(A, [1, 2]) });
      asking.replica.hold(A, 1, 2);
      writing.replication.sendChange(A, changeOf(3, 2));
      await eventually(() => expect(asking.replica.read(A)).toEqual([1, 2, 3]));
    });

    it("[RP3] says absent when a holder said so, and unavailable when none is there", async () => {
      const on = await holder();
      const { replication } = await node([on]);
      expect(await replication.fetch(A)).toMatchObject({ kind: "absent" });
      await on.stop();
      await eventually(async () => expect(await replication.fetch(A)).toEqual({ kind: "unavailable" }));
    });

    it("[RP3] asks a holder that is still being dialed", async () => {
      const on = await holder();
      on.replica.hold(A, 1);
      const replication = implementation.replicationOn([on], { missTimeoutMs: 5_000, ackTimeoutMs: TIMEOUT_MS });
      replication.start(new SetReplica());
      cleanUps.push(() => replication.close());
      expect(await replication.fetch(A)).toMatchObject({ kind: "found", record: recordOf(A, [1]) });
    });

    it("[RP3] settles in time when a holder never answers: unavailable, unless another one knew", async () => {
      const [hung, other] = [await holder(), await holder()];
      hung.replica.isHung = true;
      const alone = await node([hung]);
      const both = await node([hung, other]);
      const startedMs = performance.now();
      expect(await alone.replication.fetch(A)).toEqual({ kind: "unavailable" });
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 5);
      // They do not hear from each other: the one that is silent may have it.
      expect(await both.replication.fetch(A)).toEqual({ kind: "unavailable" });
      other.replica.hold(A, 1);
      expect(await both.replication.fetch(A)).toMatchObject({ kind: "found", record: recordOf(A, [1]) });
    });

    it("[RP3] settles at once when the holder that was asked goes away", async () => {
      const on = await holder();
      on.replica.isHung = true;
      const { replication } = await node([on], 20_000);
      const answer = replication.fetch(A);
      await on.stop();
      expect(await answer).toEqual({ kind: "unavailable" });
    });

    it("[SY6] lets an end from one holder win over a state from another, and tells the other", async () => {
      const [one, other] = [await holder(), await holder()];
      one.replica.hold(A, 1);
      other.replica.end(A);
      const { replication } = await node([one, other]);
      expect(await replication.fetch(A)).toMatchObject({ kind: "found", record: { document: undefined } });
      await eventually(() => expect(one.replica.read(A)).toBe("ended"));
    });

    it("[RP3] gives the replica everything that several holders had, and makes them equal", async () => {
      const [one, other, empty] = [await holder(), await holder(), await holder()];
      one.replica.hold(A, 1, 2);
      other.replica.hold(A, 1, 3);
      const { replica, replication } = await node([one, other, empty]);
      expect((await replication.fetch(A)).kind).toBe("found");
      expect(replica.read(A)).toEqual([1, 2, 3]);
      for (const { replica: theirs } of [one, other, empty]) await eventually(() => expect(theirs.read(A)).toEqual([1, 2, 3]));
    });

    it("[RP4] resolves with the acks of all connected holders", async () => {
      const [one, other] = [await holder(), await holder()];
      const { replica, replication } = await node([one, other], 20_000);
      expect(await replication.sendEnd(A, replica.end(A))).toEqual({ acks: 2, wanted: 2, durable: false });
      expect([one.replica.read(A), other.replica.read(A)]).toEqual(["ended", "ended"]);
    });

    it("[RP4] resolves at its deadline with the acks that came, and says so", async () => {
      const [one, hung] = [await holder(), await holder()];
      const { replica, replication } = await node([one, hung]);
      hung.replica.isHung = true;
      const startedMs = performance.now();
      expect(await replication.sendEnd(A, replica.end(A))).toEqual({ acks: 1, wanted: 2, durable: false });
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 5);
    });

    it("[RP4] has reached every watcher's replica soon after it was acknowledged", async () => {
      const on = await holder();
      const [ending, watching] = [await node([on]), await node([on])];
      watching.replication.watch(A);
      watching.replication.sendState(A, watching.replica.hold(A, 1));
      await eventually(() => expect(on.replica.read(A)).toEqual([1]));
      await ending.replication.sendEnd(A, ending.replica.end(A));
      await eventually(() => expect(watching.replica.read(A)).toBe("ended"));
    });

    it("[RP5] reaches the replica no more after close, settles what waits, and leaves no connection", async () => {
      const on = await holder();
      const [closing, writing] = [await node([on], 20_000), await node([on])];
      for (const { replica, replication } of [closing, writing]) {
        replication.watch(A);
        replication.sendState(A, replica.hold(A, 1));
      }
      await eventually(() => expect(on.replica.received).toHaveLength(2));
      on.replica.isHung = true;
      const waiting = [closing.replication.fetch(B), closing.replication.sendEnd(C, endedRecord(C).envelope)];
      await eventually(() => expect(on.replica.received).toContain(`end ${C}`));
      await closing.replication.close();
      expect(await Promise.all(waiting)).toEqual([{ kind: "unavailable" }, { acks: 0, wanted: 1, durable: false }]);
      on.replica.isHung = false;
      const received = closing.replica.received.length;
      writing.replication.sendChange(A, changeOf(2, 1));
      await eventually(() => expect(on.replica.read(A)).toEqual([1, 2]));
      await eventually(async () => expect(await on.connectionCount()).toBe(1));
      expect(closing.replica.received).toHaveLength(received);
      // Harmless from here on, and bounded.
      closing.replication.sendChange(A, changeOf(3, 2));
      closing.replication.sendTouch(A, 1);
      expect(await closing.replication.fetch(A)).toEqual({ kind: "unavailable" });
      expect(await closing.replication.sendEnd(A, endedRecord(A).envelope)).toMatchObject({ acks: 0, wanted: 0 });
      await closing.replication.close();
    });

    it("[RP5] closes while it is still dialing", async () => {
      const on = await holder();
      const replication = implementation.replicationOn([on], { missTimeoutMs: TIMEOUT_MS, ackTimeoutMs: TIMEOUT_MS });
      replication.start(new SetReplica());
      await replication.close();
      await replication.ready;
      await eventually(async () => expect(await on.connectionCount()).toBe(0));
    });
  });
}
