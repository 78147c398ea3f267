/**
 * How a value merges. `auto` (not declared): objects by property, arrays by element, everything else the later one.
 * `register`: always a unit. `counter`: changes add up. `set`, `map`, `list`: by element, by property, by element.
 */
export type MergeKind = "auto" | "register" | "counter" | "set" | "map" | "list";

/** What can be said of an attribute besides how it merges; not of what is nested in it. */
export interface AttributeOptions {
  /** It is gone, on every node, this long after it was last written, in milliseconds. Default: it lives as long as its session. */
  readonly ttlMs?: number;
  /** It stays in this process' memory: neither sent nor stored, gone when the session leaves memory. Default false. */
  readonly local?: boolean;
}

/** The declaration of an attribute, or of what is nested in one; `T` is the type of the value. Made by `register()` and its like. */
export class AttributeType<out T> {
  /** Never set: it carries the type. */
  declare readonly value?: T;
  readonly kind: MergeKind;
  /** What the properties of a map, or the elements of a list, are. */
  readonly of: AttributeType<unknown> | undefined;
  readonly options: AttributeOptions;

  constructor(kind: MergeKind, options: AttributeOptions = {}, of?: AttributeType<unknown>) {
    this.kind = kind;
    this.options = options;
    this.of = of;
  }
}
