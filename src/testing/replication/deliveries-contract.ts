import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { A, B, LONG_MS, type ReplicationCase, sameDelivery, TIMEOUT_MS, write } from "./replication-case.ts";

const NOTHING = { sessions: 0, bytes: 0, ageMs: 0 };

/** RP4 and RP6 … RP9: who has what was sent. */
export const DELIVERY_CASES: readonly ReplicationCase[] = [
  {
    name: "[RP4] resolves with the acks of all connected holders",
    run: async (on) => {
      const [one, other] = [await on.holder(), await on.holder()];
      const { replica, replication } = await on.node([one, other], { ackTimeoutMs: LONG_MS });
      sameDelivery(await replication.sendEnd(A, replica.end(A)), { acks: 2, wanted: 2, durable: false });
      deepStrictEqual([one.replica.read(A), other.replica.read(A)], ["ended", "ended"]);
    },
  },
  {
    name: "[RP4] resolves at its deadline with the acks that came, and says so",
    run: async (on) => {
      const [one, hung] = [await on.holder(), await on.holder()];
      const { replica, replication } = await on.node([one, hung]);
      hung.replica.isHung = true;
      const startedMs = performance.now();
      sameDelivery(await replication.sendEnd(A, replica.end(A)), { acks: 1, wanted: 2, durable: false });
      ok(performance.now() - startedMs >= TIMEOUT_MS - 5, "it did not wait for its deadline");
    },
  },
  {
    name: "[RP4] has reached every watcher's replica soon after it was acknowledged",
    run: async (on) => {
      const holder = await on.holder();
      const [ending, watching] = [await on.node([holder]), await on.node([holder])];
      write(watching, A, 1);
      await eventually(() => deepStrictEqual(holder.replica.read(A), [1]));
      await ending.replication.sendEnd(A, ending.replica.end(A));
      await eventually(() => strictEqual(watching.replica.read(A), "ended"));
    },
  },
  {
    name: "[RP6] says that it is delivered when so many holders have all of it, at once where they have",
    run: async (on) => {
      const [one, other] = [await on.holder(), await on.holder()];
      const writer = await on.node([one, other], { ackTimeoutMs: LONG_MS, acks: 2 });
      write(writer, A, 1);
      for (let stamp = 2; stamp <= 5; stamp += 1) write(writer, A, stamp, stamp - 1);
      sameDelivery(await writer.replication.delivered(A, 2), { acks: 2, wanted: 2, durable: false });
      for (const { replica } of [one, other]) deepStrictEqual(replica.read(A), [1, 2, 3, 4, 5]);
      one.replica.isHung = true;
      sameDelivery(await writer.replication.delivered(A, 2), { acks: 2, wanted: 2, durable: false });
      one.replica.isHung = false;
    },
  },
  {
    name: "[RP6] says at its deadline that it is not delivered",
    run: async (on) => {
      const holder = await on.holder();
      const writer = await on.node([holder], { acks: 1 });
      holder.replica.isHung = true;
      write(writer, A, 1);
      const startedMs = performance.now();
      sameDelivery(await writer.replication.delivered(A, 1), { acks: 0, wanted: 1, durable: false });
      ok(performance.now() - startedMs >= TIMEOUT_MS - 5, "it did not wait for its deadline");
    },
  },
  {
    name: "[RP6] is durable exactly where the holder stored it before it acknowledged",
    run: async (on) => {
      const holder = await on.holder();
      holder.replica.isDurable = true;
      const writer = await on.node([holder], { ackTimeoutMs: LONG_MS, acks: 1 });
      write(writer, A, 1);
      sameDelivery(await writer.replication.delivered(A, 1), { acks: 1, wanted: 1, durable: true });
    },
  },
  {
    name: "[RP7] outlives a reconnect: what was written while nobody was there is sent then, and that ack counts",
    run: async (on) => {
      const holder = await on.holder();
      const writer = await on.node([holder], { ackTimeoutMs: LONG_MS, acks: 1 });
      write(writer, A, 1);
      strictEqual((await writer.replication.delivered(A, 1)).acks, 1);
      await holder.stop();
      write(writer, A, 2, 1);
      const delivered = writer.replication.delivered(A, 1);
      await holder.restart();
      strictEqual((await delivered).acks, 1);
      deepStrictEqual(holder.replica.read(A), [1, 2]);
    },
  },
  {
    name: "[RP8] never says that a holder has what it refused",
    run: async (on) => {
      const holder = await on.holder();
      const writer = await on.node([holder], { acks: 1 });
      write(writer, A, 1);
      strictEqual((await writer.replication.delivered(A, 1)).acks, 1);
      holder.replica.isRefusing = true;
      write(writer, A, 2, 1);
      write(writer, B, 1);
      for (const key of [A, B]) strictEqual((await writer.replication.delivered(key, 1)).acks, 0);
      deepStrictEqual([holder.replica.read(A), holder.replica.read(B)], [[1], undefined]);
      strictEqual(writer.replication.backlog().sessions, 2);
    },
  },
  {
    name: "[RP9] tells what no holder has: nothing after the ack, all that was written while nobody was there",
    run: async (on) => {
      const holder = await on.holder();
      const writer = await on.node([holder]);
      deepStrictEqual(writer.replication.backlog(), NOTHING);
      write(writer, A, 1);
      strictEqual(writer.replication.backlog().sessions, 1);
      ok(writer.replication.backlog().bytes > 0);
      await eventually(() => deepStrictEqual(writer.replication.backlog(), NOTHING));
      await holder.stop();
      write(writer, A, 2, 1);
      write(writer, B, 1);
      strictEqual(writer.replication.backlog().sessions, 2);
      await eventually(() => ok(writer.replication.backlog().ageMs >= 20));
      await holder.restart();
      await eventually(() => deepStrictEqual(writer.replication.backlog(), NOTHING));
      deepStrictEqual([holder.replica.read(A), holder.replica.read(B)], [[1, 2], [1]]);
    },
  },
];
