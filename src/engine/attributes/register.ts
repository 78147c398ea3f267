import { type AttributeOptions, AttributeType } from "./attribute-type.ts";

/** A value that is never a mixture of two: of two assigned at the same time, or changed in place, the later one counts, whole. */
export function register<T = unknown>(options?: AttributeOptions): AttributeType<T> {
  return new AttributeType("register", options);
}
