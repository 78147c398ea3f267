import type { AttributeType } from "./schema.ts";

/**
 * A number to which changes are added: increments made at the same time, anywhere, add up. A request that sets it to a value
 * adds the difference to what it saw; `= 0` takes away what it saw. An absent counter reads as undefined and starts at 0.
 */
export function counter(): AttributeType<number> {
  return { kind: "counter" };
}
