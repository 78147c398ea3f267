import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sync } from "../support/replica.ts";
import { actualOf, expectedOf } from "./model/expected.ts";
import { History, type Step, steps } from "./model/history.ts";

type Attributes = Record<string, unknown>;

/** Runs a history; after every step each replica must hold exactly what follows from the commits that it knows. */
function runChecked(history: History, todo: readonly Step[]): void {
  for (const step of todo) {
    history.run(step);
    expectModel(history);
  }
}

function expectModel(history: History): void {
  history.replicas.forEach((replica, at) => {
    expect(actualOf(replica.plain() as Attributes)).toEqual(expectedOf(history.known[at] ?? []));
  });
}

describe("histories of four replicas: any order, repetition, grouping and loss of changes, compactions, restarts, sleepers", () => {
  test("[D2] [D9] [D13] a replica always holds exactly what follows from the commits that it knows", () => {
    fc.assert(
      fc.property(steps, (todo) => {
        runChecked(new History(), todo);
      }),
    );
  });

  test("[D1] [D12] once everybody exchanged everything, digests, values, epochs and bytes are always equal, and nothing is lost or revived", () => {
    fc.assert(
      fc.property(steps, (todo) => {
        const history = new History();
        for (const step of todo) history.run(step);
        sync(...history.replicas);
        history.knowAll();
        expectModel(history);
        expect(new Set(history.replicas.map((replica) => replica.digest())).size).toBe(1);
        expect(new Set(history.replicas.map((replica) => JSON.stringify(replica.plain()))).size).toBe(1);
        for (const replica of history.replicas) replica.check();
      }),
    );
  });
});
