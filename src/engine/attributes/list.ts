import { type AttributeOptions, AttributeType } from "./attribute-type.ts";

/** An array that merges by element, in place or assigned anew. `of` says how each element merges, as in `list(register<Line>())`. */
export function list<T = unknown>(of?: AttributeType<T>, options?: AttributeOptions): AttributeType<T[]> {
  return new AttributeType("list", options, of);
}
