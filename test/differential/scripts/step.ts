import type { Operation, Step } from "../script.ts";

/** One request. `step(["set", "a", 1], ["see"])`, and with more to say: `stepWith({ method: "POST" }, …)`. */
export function step(...operations: Operation[]): Step {
  return { do: operations };
}

export function stepWith(more: Omit<Step, "do">, ...operations: Operation[]): Step {
  return { ...more, do: operations };
}

/** What most scripts begin with, and what tells how they ended. */
export const LOGIN = step(["set", "user", "ann"], ["see"]);
export const LOOK = step(["id"], ["see"]);
