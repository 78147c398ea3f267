import { type AttributeOptions, AttributeType } from "./attribute-type.ts";

/**
 * A JavaScript `Set` that merges by element: what two add at the same time is all there, once; of an addition and a removal of one
 * element the later counts. Elements are plain values, the same where they are deeply equal. It lists the oldest first.
 */
export function set<T = unknown>(options?: AttributeOptions): AttributeType<Set<T>> {
  return new AttributeType("set", options);
}
