import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { A, B, LONG_MS, type ReplicationCase, sameAnswer, TIMEOUT_MS, write } from "./replication-case.ts";
import { SetReplica } from "./set-replica.ts";

/** RP3 and SY6: what holders are asked, and what counts as an answer. */
export const FETCH_CASES: readonly ReplicationCase[] = [
  {
    name: "[RP3] finds what a holder has, and watches it from then on",
    run: async (on) => {
      const holder = await on.holder();
      holder.replica.hold(A, 1, 2);
      const [asking, writing] = [await on.node([holder]), await on.node([holder])];
      sameAnswer(await asking.replication.fetch(A), A, [1, 2]);
      asking.replica.hold(A, 1, 2);
      writing.replica.hold(A, 1, 2);
      write(writing, A, 3, 2);
      await eventually(() => deepStrictEqual(asking.replica.read(A), [1, 2, 3]));
    },
  },
  {
    name: "[RP3] says absent when a holder said so, and unavailable when none is there",
    run: async (on) => {
      const holder = await on.holder();
      const { replication } = await on.node([holder]);
      strictEqual((await replication.fetch(A)).kind, "absent");
      await holder.stop();
      await eventually(async () => deepStrictEqual(await replication.fetch(A), { kind: "unavailable" }));
    },
  },
  {
    name: "[RP3] asks a holder that is still being dialed",
    run: async (on) => {
      const holder = await on.holder();
      holder.replica.hold(A, 1);
      const { replication } = on.dialing([holder], new SetReplica(), { missTimeoutMs: 5_000 });
      sameAnswer(await replication.fetch(A), A, [1]);
    },
  },
  {
    name: "[RP3] settles in time when a holder never answers: unavailable, unless another one knew",
    run: async (on) => {
      const [hung, other] = [await on.holder(), await on.holder()];
      hung.replica.isHung = true;
      const alone = await on.node([hung]);
      const both = await on.node([hung, other]);
      const startedMs = performance.now();
      deepStrictEqual(await alone.replication.fetch(A), { kind: "unavailable" });
      ok(performance.now() - startedMs >= TIMEOUT_MS - 5, "it did not wait for its deadline");
      // They do not hear from each other: the one that is silent may have it.
      deepStrictEqual(await both.replication.fetch(A), { kind: "unavailable" });
      other.replica.hold(A, 1);
      sameAnswer(await both.replication.fetch(A), A, [1]);
    },
  },
  {
    name: "[RP3] settles at once when the holder that was asked goes away",
    run: async (on) => {
      const holder = await on.holder();
      holder.replica.isHung = true;
      const { replication } = await on.node([holder], { missTimeoutMs: LONG_MS });
      const startedMs = performance.now();
      const answer = replication.fetch(A);
      await holder.stop();
      deepStrictEqual(await answer, { kind: "unavailable" });
      ok(performance.now() - startedMs < LONG_MS / 2, "it waited for its deadline");
    },
  },
  {
    name: "[RP3] gives the replica everything that several holders had, and makes them equal",
    run: async (on) => {
      const [one, other, empty] = [await on.holder(), await on.holder(), await on.holder()];
      one.replica.hold(A, 1, 2);
      other.replica.hold(A, 1, 3);
      const { replica, replication } = await on.node([one, other, empty]);
      strictEqual((await replication.fetch(A)).kind, "found");
      deepStrictEqual(replica.read(A), [1, 2, 3]);
      for (const { replica: theirs } of [one, other, empty]) await eventually(() => deepStrictEqual(theirs.read(A), [1, 2, 3]));
    },
  },
  {
    name: "[SY6] lets an end from one holder win over a state from another, and tells the other",
    run: async (on) => {
      const [one, other] = [await on.holder(), await on.holder()];
      one.replica.hold(A, 1);
      other.replica.end(A);
      const { replication } = await on.node([one, other]);
      sameAnswer(await replication.fetch(A), A, "ended");
      await eventually(() => strictEqual(one.replica.read(A), "ended"));
      strictEqual((await replication.fetch(B)).kind, "absent");
    },
  },
];
