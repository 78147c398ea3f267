import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { A, B, C, LONG_MS, type ReplicationCase, sameDelivery, write } from "./replication-case.ts";
import { changeOf, endedRecord, recordOf, SetReplica } from "./set-replica.ts";

const NOBODY = { acks: 0, wanted: 0, durable: false };

/** RP1, RP2 and RP5: what is sent arrives, what was missed is exchanged, and after `close` nothing comes. */
export const EXCHANGE_CASES: readonly ReplicationCase[] = [
  {
    name: "[RP1] sends to every holder in the order of the calls",
    run: async (on) => {
      const [one, other] = [await on.holder(), await on.holder()];
      const node = await on.node([one, other]);
      write(node, A, 1);
      for (let stamp = 2; stamp <= 50; stamp += 1) write(node, A, stamp, stamp - 1);
      node.replication.sendState(B, node.replica.hold(B, 7));
      void node.replication.sendEnd(A, node.replica.end(A));
      const changes = Array.from({ length: 49 }, (_, index) => `change ${A} ${index + 2}`);
      const expected = [`state ${A} 1`, ...changes, `state ${B} 7`, `end ${A}`];
      for (const { replica: theirs } of [one, other]) await eventually(() => deepStrictEqual(theirs.received, expected));
    },
  },
  {
    name: "[RP1] [SY3] reaches whoever watches the session, and nobody else",
    run: async (on) => {
      const holder = await on.holder();
      const [writer, watcher, stranger] = [await on.node([holder]), await on.node([holder]), await on.node([holder])];
      for (const { replica, replication } of [writer, watcher]) {
        replication.watch(A);
        replica.hold(A, 1);
      }
      stranger.replica.hold(A, 1);
      stranger.replication.watch(B);
      writer.replication.sendState(A, recordOf(A, [1]));
      // The holder knows who watches once it has answered, because what is sent stays in order.
      await watcher.replication.fetch(C);
      await stranger.replication.fetch(C);
      writer.replication.sendChange(A, changeOf(2, 1));
      writer.replication.sendTouch(A, 99);
      await eventually(() => ok(watcher.replica.received.includes(`touch ${A} 99`)));
      deepStrictEqual(watcher.replica.read(A), [1, 2]);
      watcher.replication.unwatch(A);
      await watcher.replication.fetch(C);
      writer.replication.sendChange(A, changeOf(3, 2));
      await eventually(() => deepStrictEqual(holder.replica.read(A), [1, 2, 3]));
      await Promise.all([watcher, stranger].map(({ replication }) => replication.fetch(C)));
      deepStrictEqual(watcher.replica.read(A), [1, 2]);
      deepStrictEqual(stranger.replica.received, []);
    },
  },
  {
    name: "[RP2] exchanges every held session whole, both ways, when it connects",
    run: async (on) => {
      const holder = await on.holder();
      holder.replica.hold(A, 1, 3);
      holder.replica.end(B);
      holder.replica.hold(C, 5);
      const replica = new SetReplica();
      replica.hold(A, 1, 2);
      replica.hold(B, 4);
      replica.end(C);
      on.dialing([holder], replica);
      const expected = [[1, 2, 3], "ended", "ended"];
      for (const side of [replica, holder.replica])
        await eventually(() =>
          deepStrictEqual(
            [A, B, C].map((key) => side.read(key)),
            expected,
          ),
        );
    },
  },
  {
    name: "[RP2] exchanges what happened on both sides of a cut, for other watchers too, once it is mended",
    run: async (on) => {
      const holder = await on.holder();
      const [left, right] = [await on.node([holder]), await on.node([holder])];
      for (const node of [left, right]) write(node, A, 1);
      await eventually(() => deepStrictEqual(holder.replica.read(A), [1]));
      await holder.stop();
      write(left, A, 2, 1);
      right.replica.hold(A, 3);
      holder.replica.hold(A, 4);
      await holder.restart();
      for (const { replica } of [left, right, holder]) await eventually(() => deepStrictEqual(replica.read(A), [1, 2, 3, 4]));
    },
  },
  {
    name: "[RP2] brings everything back to a holder that lost its memory",
    run: async (on) => {
      const holder = await on.holder();
      const node = await on.node([holder]);
      for (const key of [A, B, C]) write(node, key, 1);
      await eventually(() => deepStrictEqual(holder.replica.read(C), [1]));
      await holder.stop();
      holder.replica.forgetAll();
      await holder.restart();
      for (const key of [A, B, C]) await eventually(() => deepStrictEqual(holder.replica.read(key), [1]));
    },
  },
  {
    name: "[RP2] [RP4] sends an end that nobody acknowledged after every reconnect, until somebody does",
    run: async (on) => {
      const holder = await on.holder();
      const { replication } = await on.node([holder]);
      await holder.stop();
      await eventually(async () => sameDelivery(await replication.sendEnd(B, endedRecord(B).envelope), NOBODY));
      await replication.sendEnd(A, endedRecord(A).envelope);
      await holder.restart();
      await eventually(() => ok(holder.replica.received.includes(`end ${A}`)));
      strictEqual(holder.replica.read(A), "ended");
      // The ack has arrived when a later question has: they come in order.
      const answered = async (): Promise<void> => strictEqual((await replication.fetch(C)).kind, "absent");
      await eventually(answered);
      await holder.stop();
      holder.replica.received.length = 0;
      await holder.restart();
      await eventually(answered);
      deepStrictEqual(holder.replica.received, []);
    },
  },
  {
    name: "[RP5] reaches the replica no more after close, settles what waits, and leaves no connection",
    run: async (on) => {
      const holder = await on.holder();
      const timeouts = { missTimeoutMs: LONG_MS, ackTimeoutMs: LONG_MS };
      const [closing, writing] = [await on.node([holder], timeouts), await on.node([holder])];
      for (const node of [closing, writing]) write(node, A, 1);
      await eventually(() => strictEqual(holder.replica.received.length, 2));
      holder.replica.isHung = true;
      const answer = closing.replication.fetch(B);
      const delivery = closing.replication.sendEnd(C, endedRecord(C).envelope);
      await eventually(() => ok(holder.replica.received.includes(`end ${C}`)));
      await closing.replication.close();
      deepStrictEqual(await answer, { kind: "unavailable" });
      sameDelivery(await delivery, { acks: 0, wanted: 1, durable: false });
      holder.replica.isHung = false;
      const received = closing.replica.received.length;
      write(writing, A, 2, 1);
      await eventually(() => deepStrictEqual(holder.replica.read(A), [1, 2]));
      await eventually(async () => strictEqual(await holder.connectionCount(), 1));
      strictEqual(closing.replica.received.length, received);
      // Harmless from here on, and bounded.
      closing.replication.sendChange(A, changeOf(3, 2));
      closing.replication.sendTouch(A, 1);
      deepStrictEqual(await closing.replication.fetch(A), { kind: "unavailable" });
      sameDelivery(await closing.replication.sendEnd(A, endedRecord(A).envelope), NOBODY);
      await closing.replication.close();
    },
  },
  {
    name: "[RP5] closes while it is still dialing",
    run: async (on) => {
      const holder = await on.holder();
      const { replication } = on.dialing([holder], new SetReplica());
      await replication.close();
      await replication.ready;
      await eventually(async () => strictEqual(await holder.connectionCount(), 0));
    },
  },
];
