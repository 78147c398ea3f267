import { type AttributeOptions, AttributeType } from "./attribute-type.ts";

/**
 * An object that always merges by property, also where a whole other object is assigned: only what differs is written. `of` says how
 * each property merges, as in `map(counter())`. A `Map` whose keys could name properties merges in the same way, and reads back as a `Map`.
 */
export function map<T = unknown>(of?: AttributeType<T>, options?: AttributeOptions): AttributeType<Record<string, T>> {
  return new AttributeType("map", options, of);
}
