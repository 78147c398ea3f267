import { SessionError } from "../errors.ts";

/**
 * How an attribute merges. `auto` (not declared): objects by property, arrays by element, everything else the later one.
 * `register`: always a unit. `counter`: changes add up.
 */
export type MergeKind = "auto" | "register" | "counter";

/** The declaration of an attribute, made by `counter()`; `T` is the type of the attribute's value. */
export interface AttributeType<T> {
  readonly kind: Exclude<MergeKind, "auto">;
  /** Never set: it carries the type. */
  readonly value?: T;
}

export type AttributeTypes = Readonly<Record<string, AttributeType<unknown>>>;

/** A mixture of two identities would be worse than a lost field: these are units unless declared otherwise. */
const DEFAULT_UNITS: readonly string[] = ["user", "passport", "auth", "account", "identity"];

const DECLARED_KINDS: ReadonlySet<MergeKind> = new Set(["counter", "register"]);

/** What is declared of the attributes: the option `attributes`, and the names of the option `units`. */
export class Schema {
  readonly #kinds = new Map<string, MergeKind>();

  /** @throws SessionError OPTION_INVALID for a declaration that was not made by one of the functions of this package. */
  constructor(attributes: AttributeTypes = {}, units: readonly string[] = DEFAULT_UNITS) {
    for (const name of units) this.#kinds.set(name, "register");
    for (const [name, type] of Object.entries(attributes)) {
      if (!DECLARED_KINDS.has(type.kind)) {
        throw new SessionError(
          "OPTION_INVALID",
          `attributes.${name} is no declaration; write for example attributes: { ${name}: counter() }.`,
        );
      }
      this.#kinds.set(name, type.kind);
    }
  }

  kindOf(name: string): MergeKind {
    return this.#kinds.get(name) ?? "auto";
  }
}
