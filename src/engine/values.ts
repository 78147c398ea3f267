import { encodeUtf8 } from "lib0/string";
import { SessionError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import { valueKey } from "./value-key.ts";

/**
 * What a session can hold, in canonical form: numbers are finite and never -0, strings and names are well-formed UTF-16,
 * objects are ordinary ones without the names that could pollute a prototype, no object is reachable twice.
 */
export type Plain =
  | null
  | boolean
  | number
  | string
  | bigint
  | Date
  | Uint8Array
  | Map<Plain, Plain>
  | Set<Plain>
  | Plain[]
  | { [name: string]: Plain };

/**
 * A deep, canonical, unshared copy of what an application stores; undefined means absent.
 *
 * JSON's rules, with Date, Map, Set, BigInt and Uint8Array kept: `undefined` is absent as a property or as the value of a Map
 * entry and null elsewhere; NaN, ±Infinity and an invalid Date are null; -0 is 0; only own enumerable properties with string
 * names count, each read once; `toJSON` of an object other than a Date or bytes is called, once, and its result stored.
 * A reference that occurs twice is copied twice. Entries of a Map whose keys become equal primitives: the last one counts.
 *
 * @param path names `value` in messages, as in `cart` of `cart.lines[3].price`
 * @throws SessionError VALUE_REFUSED with the path of what cannot be stored: functions, symbols, instances of other classes,
 * cycles, lone surrogates, refused names (see `nameFault`), nesting deeper than `limits.depth` (a scalar has depth 0);
 * LIMIT_EXCEEDED for more elements than can fit into `limits.valueBytes`, before they are copied
 * @param onCopy called with each object, array, Map and Set of the original and the copy made of it
 */
export function normaliseValue(
  value: unknown,
  path: string,
  limits: Limits,
  onCopy?: (original: object, copy: object) => void,
): Plain | undefined {
  if (typeof value !== "object" || value === null) return normaliseScalar(value, path);
  const trail: Trail = { path, limits, containers: [], steps: [], valueCount: 0, onCopy };
  try {
    return normaliseObject(value, trail, true);
  } catch (cause) {
    if (cause instanceof SessionError) throw cause;
    throw new SessionError("VALUE_REFUSED", `${pathOf(trail)} cannot be read: its accessor, proxy or toJSON threw`, { cause });
  }
}

/** True for `{}`, `Object.create(null)` and the ordinary objects of other realms (a vm context, a test runner's sandbox). */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype || prototype === null) return true;
  // No class has the root of its realm's prototypes for its own prototype.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}

/** Deep equality, insensitive to the order of properties and of entries in Maps and Sets. Both sides canonical. */
export function equalValues(left: Plain, right: Plain): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) && Array.isArray(right)) return equalLists(left, right);
  if (isPlainObject(left) && isPlainObject(right)) {
    const names = Object.keys(left);
    if (names.length !== Object.keys(right).length) return false;
    for (const name of names) {
      if (!Object.hasOwn(right, name) || !equalValues(left[name] as Plain, right[name] as Plain)) return false;
    }
    return true;
  }
  if (left instanceof Uint8Array && right instanceof Uint8Array) return equalLists(left, right);
  // Copies have the same order. In any other, entries that are objects can only be found by their canonical form.
  if (left instanceof Map && right instanceof Map && equalLists([...left], [...right])) return true;
  if (left instanceof Set && right instanceof Set && equalLists([...left], [...right])) return true;
  return valueKey(left) === valueKey(right);
}

/** A deep copy that shares nothing with `value`, which is canonical already: nothing is checked. */
export function cloneValue<T extends Plain>(value: T): T;
export function cloneValue(value: Plain): Plain {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((element) => cloneValue(element));
  if (value instanceof Date) return new Date(value);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (value instanceof Map) return new Map(Array.from(value, ([key, content]) => [cloneValue(key), cloneValue(content)]));
  if (value instanceof Set) return new Set(cloneValue([...value]));
  const copy: { [name: string]: Plain } = {};
  for (const name of Object.keys(value)) copy[name] = cloneValue(value[name] as Plain);
  return copy;
}

/** @throws SessionError ATTRIBUTE_NAME_REFUSED when no attribute can have this name. */
export function checkName(name: string, limits: Limits): void {
  const fault = nameFault(name, limits);
  if (fault !== undefined) throw new SessionError("ATTRIBUTE_NAME_REFUSED", `The attribute ${quoted(name)} ${fault}`);
}

/** Why `name` cannot name an attribute or a property, ready to follow it in a message; undefined when it can. */
export function nameFault(name: string, limits: Limits): string | undefined {
  if (name === "__proto__" || name === "constructor" || name === "prototype") {
    return "has a name that could pollute a prototype; choose another name";
  }
  // A UTF-16 unit takes at most three bytes: short names need no counting.
  if (name.length * 3 > limits.nameBytes && utf8Length(name) > limits.nameBytes) {
    return `has a name of more than ${limits.nameBytes} bytes; shorten it or raise limits.nameBytes`;
  }
  return isWellFormed(name) ? undefined : "has a name with a lone surrogate; repair it with toWellFormed()";
}

function equalLists(left: ArrayLike<Plain>, right: ArrayLike<Plain>): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index += 1) {
    if (!equalValues(left[index] as Plain, right[index] as Plain)) return false;
  }
  return true;
}

/** Bytes of `text` in UTF-8. A lone surrogate counts as three, as its replacement character would. */
export function utf8Length(text: string): number {
  return encodeUtf8(text).length;
}

/** False for a string with a lone surrogate: UTF-8 cannot carry it. Constant time for Latin-1 strings in V8. */
export function isWellFormed(text: string): boolean {
  // ECMAScript 2024; every Node that we run on has it, the declarations of es2023 do not.
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** Where a walk through a value is: `steps[i]` leads out of `containers[i]`; undefined where that is only entered. */
interface Trail {
  readonly path: string;
  readonly limits: Limits;
  readonly containers: object[];
  readonly steps: (string | number | undefined)[];
  valueCount: number;
  readonly onCopy: ((original: object, copy: object) => void) | undefined;
}

function normalise(value: unknown, trail: Trail, callToJson = true): Plain | undefined {
  return typeof value === "object" && value !== null ? normaliseObject(value, trail, callToJson) : normaliseScalar(value, trail);
}

function normaliseScalar(value: unknown, at: Trail | string): Plain | undefined {
  switch (typeof value) {
    case "string":
      return isWellFormed(value) ? value : refuse(at, "is a string with a lone surrogate; repair it with toWellFormed()");
    case "number":
      // Adding 0 turns -0 into 0.
      return Number.isFinite(value) ? value + 0 : null;
    case "boolean":
    case "bigint":
    case "undefined":
      return value;
    default:
      return value === null ? null : refuse(at, `is a ${typeof value}; store plain data`);
  }
}

/** @param callToJson false for what a `toJSON` gave: as in JSON, a method of that name on the result is not called again */
function normaliseObject(value: object, trail: Trail, callToJson: boolean): Plain | undefined {
  // In any realm. What only says to be of a class fails when it is read as an instance of it.
  const tag = Object.prototype.toString.call(value);
  if (tag === "[object Uint8Array]" && ArrayBuffer.isView(value)) return new Uint8Array(value as Uint8Array);
  if (tag === "[object Date]") {
    const timeMs = Date.prototype.getTime.call(value);
    return Number.isNaN(timeMs) ? null : new Date(timeMs);
  }
  const toJson = callToJson && (value as { toJSON?: unknown }).toJSON;
  if (typeof toJson === "function") return normalise(toJson.call(value, String(trail.steps.at(-1) ?? "")), trail, false);

  const { containers, steps, limits } = trail;
  if (containers.includes(value)) refuse(trail, "contains itself; store ids instead of references");
  if (containers.length >= limits.depth) refuse(trail, `is nested deeper than ${limits.depth} levels; flatten it or raise limits.depth`);
  containers.push(value);
  steps.push(undefined);
  const copy = copyContainer(value, tag, trail);
  trail.onCopy?.(value, copy);
  containers.pop();
  steps.pop();
  return copy;
}

function copyContainer(value: object, tag: string, trail: Trail): Plain & object {
  if (isPlainObject(value)) return copyProperties(value, trail);
  // The prototype of a built-in class is itself an ordinary object, or an empty array; that of a subclass is neither.
  if (isPlainObject(Object.getPrototypeOf(value))) {
    if (Array.isArray(value)) return copyEach(value, trail, null);
    if (tag === "[object Set]") return new Set(copyEach([...Set.prototype.values.call(value)], trail, null, "values"));
    if (tag === "[object Map]") {
      const keys = copyEach([...Map.prototype.keys.call(value)], trail, null, "keys");
      const contents = copyEach([...Map.prototype.values.call(value)], trail, undefined, "values");
      const copy = new Map<Plain, Plain>();
      for (const [index, content] of contents.entries()) if (content !== undefined) copy.set(keys[index] as Plain, content);
      return copy;
    }
  }
  return refuse(trail, "is an instance of a class; store plain data or give it a toJSON method");
}

function copyProperties(value: Record<string, unknown>, trail: Trail): { [name: string]: Plain } {
  const names = Object.keys(value);
  countValues(trail, names.length);
  const copy: { [name: string]: Plain } = {};
  const level = trail.steps.length - 1;
  for (const name of names) {
    trail.steps[level] = name;
    const property = normalise(value[name], trail);
    if (property === undefined) continue;
    const fault = nameFault(name, trail.limits);
    if (fault !== undefined) refuse(trail, fault);
    copy[name] = property;
  }
  return copy;
}

/** @param absent stands for an undefined element @param iterator how the path names an element of a Map or Set: `.values()[3]` */
function copyEach<T extends null | undefined>(elements: unknown[], trail: Trail, absent: T, iterator?: "keys" | "values"): (Plain | T)[] {
  const count = elements.length;
  countValues(trail, count);
  const copies: (Plain | T)[] = [];
  const level = trail.steps.length - 1;
  for (let index = 0; index < count; index += 1) {
    trail.steps[level] = iterator === undefined ? index : `${iterator}()[${index}]`;
    const copy = normalise(elements[index], trail);
    copies.push(copy === undefined ? absent : copy);
  }
  return copies;
}

/** Every value takes a byte at least: what cannot fit is refused before a huge (sparse, or much shared) structure is copied. */
function countValues(trail: Trail, count: number): void {
  const { path, limits } = trail;
  trail.valueCount += count;
  if (trail.valueCount <= limits.valueBytes) return;
  throw new SessionError(
    "LIMIT_EXCEEDED",
    `${pathOf(trail)} makes ${path} larger than limits.valueBytes (${limits.valueBytes}); store less, or raise it`,
  );
}

function refuse(at: Trail | string, reason: string): never {
  throw new SessionError("VALUE_REFUSED", `${typeof at === "string" ? at : pathOf(at)} ${reason}`);
}

/** As JavaScript would say it: `cart.lines[3]["unit price"]`. */
function pathOf({ path, steps }: Trail): string {
  let text = path;
  for (const step of steps) {
    if (step === undefined) break;
    if (typeof step === "number") text += `[${step}]`;
    else text += /^([a-z_$][\w$]*|(keys|values)\(\)\[\d+\])$/i.test(step) ? `.${step}` : `[${quoted(step)}]`;
  }
  return text;
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}
