import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sync, type TestReplica } from "../support/replica.ts";
import { FLAT_ATTRIBUTES, flatActual, type FlatContent, flatDrafter, flatEdit, type FlatEdit, flatExpected } from "./model/flat-model.ts";
import { History, stepsOf } from "./model/history.ts";
import { knownLeaves, leavesOf, type TreeContent, treeDrafter, treeEdit, type TreeEdit } from "./model/tree-model.ts";

const flatSteps = stepsOf(flatEdit, 40);
const treeSteps = stepsOf(treeEdit, 30);

function flatHistory(): History<FlatEdit, FlatContent> {
  return new History(flatDrafter(), { attributes: FLAT_ATTRIBUTES });
}

function expectFlat(history: History<FlatEdit, FlatContent>): void {
  history.replicas.forEach((replica, at) => {
    expect(flatActual(replica.plain() as Record<string, unknown>)).toEqual(flatExpected(history.known[at] ?? []));
  });
}

function expectTree(history: History<TreeEdit, TreeContent>): void {
  history.replicas.forEach((replica, at) => {
    const { written, removed } = knownLeaves(history.known[at] ?? []);
    for (const leaf of leavesOf(replica.plain())) {
      expect(written.has(leaf)).toBe(true);
      expect(removed.has(leaf)).toBe(false);
    }
  });
}

function expectEqual(replicas: readonly TestReplica[]): void {
  expect(new Set(replicas.map((replica) => replica.digest())).size).toBe(1);
  expect(new Set(replicas.map((replica) => JSON.stringify(replica.plain()))).size).toBe(1);
  for (const replica of replicas) replica.check();
}

/** Any order, repetition, grouping and loss of changes, compactions, restarts under new writer ids, sleepers over several epochs. */
describe("histories of four replicas", () => {
  test("[D2] [D8] [D9] [D13] [D17] [D19] a replica always holds exactly what follows from the commits that it knows, at every step", () => {
    fc.assert(
      fc.property(flatSteps, (steps) => {
        const history = flatHistory();
        for (const step of steps) {
          history.run(step);
          expectFlat(history);
        }
      }),
    );
  });

  test("[D1] [D12] after everybody exchanged everything, records are always equal, and nothing is lost or revived", () => {
    fc.assert(
      fc.property(flatSteps, (steps) => {
        const history = flatHistory();
        for (const step of steps) history.run(step);
        sync(...history.replicas);
        history.knowAll();
        expectFlat(history);
        expectEqual(history.replicas);
      }),
    );
  });

  // Limits L1 and L2 are no exception here: both are about writes that the remover had not seen.
  test("[D6] [D13] what somebody saw and removed, at any depth, never comes back to who knows of it, and nothing is there twice", () => {
    fc.assert(
      fc.property(treeSteps, (steps) => {
        const history = new History(treeDrafter());
        for (const step of steps) {
          history.run(step);
          expectTree(history);
        }
        sync(...history.replicas);
        history.knowAll();
        expectTree(history);
        expectEqual(history.replicas);
      }),
    );
  });
});
