import { type AttributeOptions, AttributeType } from "./attribute-type.ts";

/**
 * A number to which changes are added: increments made at the same time, anywhere, add up. A request that sets it to a value
 * adds the difference to what it saw; `= 0` takes away what it saw. An absent counter reads as undefined and starts at 0.
 */
export function counter(options?: AttributeOptions): AttributeType<number> {
  return new AttributeType("counter", options);
}
