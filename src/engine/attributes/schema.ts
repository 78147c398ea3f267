import { SessionError } from "../errors.ts";
import { AttributeType } from "./attribute-type.ts";

/** Declarations by the names of the attributes. */
export type AttributeTypes = Readonly<Record<string, AttributeType<unknown>>>;

/** The session's data as its declaration says it: `{ visits: counter() }` gives `{ visits: number }`. */
export type SessionDataOf<Types extends AttributeTypes> = {
  -readonly [Name in keyof Types]: Types[Name] extends AttributeType<infer Value> ? Value : never;
};

/** What is not declared, and whatever is in it. */
export const UNDECLARED = new AttributeType<unknown>("auto");

/** A mixture of two identities would be worse than a lost field: these are units unless declared otherwise. */
const DEFAULT_UNITS: readonly string[] = ["user", "passport", "auth", "account", "identity"];

const UNIT = new AttributeType<unknown>("register");

/** What is declared of the attributes: the option `attributes`, and the names of the option `units`. */
export class Schema {
  readonly #types = new Map<string, AttributeType<unknown>>();
  /** Whether any attribute is declared `local`. */
  readonly hasLocal: boolean;

  /** @throws SessionError OPTION_INVALID for what was not made by `register()` and its like, or has options that mean nothing. */
  constructor(attributes: AttributeTypes = {}, units: readonly string[] = DEFAULT_UNITS) {
    for (const name of units) this.#types.set(name, UNIT);
    for (const [name, type] of Object.entries(attributes)) {
      checkType(name, type);
      this.#types.set(name, type);
    }
    this.hasLocal = [...this.#types.values()].some(({ options }) => options.local === true);
  }

  typeOf(name: string): AttributeType<unknown> {
    return this.#types.get(name) ?? UNDECLARED;
  }

  isLocal(name: string): boolean {
    return this.hasLocal && this.typeOf(name).options.local === true;
  }
}

function checkType(name: string, type: AttributeType<unknown> | undefined): void {
  const wrong = (reason: string): never => {
    throw new SessionError("OPTION_INVALID", `attributes.${name} ${reason}`);
  };
  let part = type;
  do {
    if (!(part instanceof AttributeType)) {
      return wrong(`is no declaration; write for example attributes: { ${name}: counter() }, or { ${name}: map(counter()) }.`);
    }
    const { ttlMs, local } = part.options;
    if (part !== type && (ttlMs !== undefined || local !== undefined)) {
      wrong(`has options inside; they belong to the attribute itself, as in ${type?.kind}(${part.kind}(), { ttlMs: 60_000 }).`);
    }
    if (ttlMs !== undefined && !(Number.isFinite(ttlMs) && ttlMs > 0)) wrong("has a ttlMs that is no number of milliseconds above 0.");
    if (ttlMs !== undefined && local === true) wrong("is local, and goes with its process; leave out ttlMs, or local.");
    if (local !== undefined && typeof local !== "boolean") wrong("has a local that is neither true nor false.");
    part = part.of;
  } while (part !== undefined);
}
