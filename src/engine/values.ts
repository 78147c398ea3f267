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
  switch (typeof value) {
    case "string":
      return isWellFormed(value) ? value : refuse(path, "is a string with a lone surrogate; repair it with toWellFormed()");
    case "number":
      return canonicalNumber(value);
    case "boolean":
    case "bigint":
    case "undefined":
      return value;
    default: {
      if (value === null) return null;
      const trail: Trail = { path, limits, containers: [], steps: [], valueCount: 0, onCopy };
      try {
        return normalise(value, trail);
      } catch (cause) {
        if (cause instanceof SessionError) throw cause;
        throw new SessionError("VALUE_REFUSED", `${trailPath(trail)} cannot be read: its accessor, proxy or toJSON threw`, { cause });
      }
    }
  }
}

/** True for `{}`, `Object.create(null)` and the ordinary objects of other realms (a vm context, a test runner's sandbox). */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || isRootPrototype(prototype);
}

/** Deep equality, insensitive to the order of properties and of entries in Maps and Sets. Both sides canonical. */
export function equalValues(left: Plain, right: Plain): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false;
    for (let index = 0; index < left.length; index += 1) {
      if (!equalValues(left[index] as Plain, right[index] as Plain)) return false;
    }
    return true;
  }
  if (Array.isArray(right)) return false;
  const prototype: unknown = Object.getPrototypeOf(left);
  if (prototype !== Object.prototype && prototype !== null) {
    if (left instanceof Date) return right instanceof Date && left.getTime() === right.getTime();
    if (left instanceof Uint8Array) return right instanceof Uint8Array && equalBytes(left, right);
    if (left instanceof Map) return right instanceof Map && equalMaps(left, right);
    if (left instanceof Set) return right instanceof Set && equalSets(left, right);
  }
  return isObject(right) && equalObjects(left as { [name: string]: Plain }, right);
}

/** A deep copy that shares nothing with `value`, which is canonical already: nothing is checked. */
export function cloneValue<T extends Plain>(value: T): T;
export function cloneValue(value: Plain): Plain {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const copy: Plain[] = [];
    for (const element of value) copy.push(cloneValue(element));
    return copy;
  }
  if (isObject(value)) {
    const copy: { [name: string]: Plain } = {};
    for (const name of Object.keys(value)) copy[name] = cloneValue(value[name] as Plain);
    return copy;
  }
  if (value instanceof Date) return new Date(value.getTime());
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (value instanceof Map) {
    const copy = new Map<Plain, Plain>();
    for (const [key, entry] of value) copy.set(cloneValue(key), cloneValue(entry));
    return copy;
  }
  const copy = new Set<Plain>();
  for (const element of value) copy.add(cloneValue(element));
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

/** Bytes of `text` in UTF-8. A lone surrogate counts as three, as its replacement character would. */
export function utf8Length(text: string): number {
  let byteCount = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) byteCount += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1))) {
      byteCount += 2;
      index += 1;
    } else byteCount += 2;
  }
  return byteCount;
}

/** False for a string with a lone surrogate: UTF-8 cannot carry it. Constant time for Latin-1 strings in V8. */
export function isWellFormed(text: string): boolean {
  // ECMAScript 2024; every Node that we run on has it, the declarations of es2023 do not.
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** Where a walk through a value is: `steps[i]` leads out of `containers[i]`, and is undefined as long as that is only entered. */
interface Trail {
  readonly path: string;
  readonly limits: Limits;
  readonly containers: object[];
  readonly steps: (string | number | undefined)[];
  valueCount: number;
  readonly onCopy: ((original: object, copy: object) => void) | undefined;
}

function normalise(value: unknown, trail: Trail): Plain | undefined {
  switch (typeof value) {
    case "string":
      return isWellFormed(value) ? value : refuse(trailPath(trail), "is a string with a lone surrogate; repair it with toWellFormed()");
    case "number":
      return canonicalNumber(value);
    case "boolean":
    case "bigint":
    case "undefined":
      return value;
    case "object":
      return value === null ? null : normaliseObject(value, trail, true);
    default:
      return refuse(trailPath(trail), `is a ${typeof value}, which cannot be stored; store plain data`);
  }
}

function normaliseObject(value: object, trail: Trail, callToJson: boolean): Plain | undefined {
  const tag = typedArrayTag(value);
  if (tag === "Uint8Array") return new Uint8Array(value as Uint8Array);
  if (tag === undefined && Object.prototype.toString.call(value) === "[object Date]") {
    const timeMs = Date.prototype.getTime.call(value);
    return Number.isNaN(timeMs) ? null : new Date(timeMs);
  }
  if (callToJson) {
    const toJson: unknown = (value as { toJSON?: unknown }).toJSON;
    if (typeof toJson === "function") return normaliseJson(toJson.call(value, String(trail.steps.at(-1) ?? "")), trail);
  }

  enter(value, trail);
  const prototype: unknown = Object.getPrototypeOf(value);
  let copy: Plain;
  // Array.prototype is itself an array, in every realm; the prototype of a subclass is not.
  if (Array.isArray(value)) copy = Array.isArray(prototype) ? normaliseArray(value, trail) : refuseInstance(trail);
  else if (isPlainObject(value)) copy = normaliseProperties(value, trail);
  else if (isBuiltIn(value, prototype, "[object Map]")) copy = normaliseMap(value as Map<unknown, unknown>, trail);
  else if (isBuiltIn(value, prototype, "[object Set]")) copy = normaliseSet(value as Set<unknown>, trail);
  else copy = refuseInstance(trail);
  trail.onCopy?.(value, copy as object);
  trail.containers.pop();
  trail.steps.pop();
  return copy;
}

/** The result of `toJSON`, as JSON does it: a method of that name on the result is not called again. */
function normaliseJson(result: unknown, trail: Trail): Plain | undefined {
  return typeof result === "object" && result !== null ? normaliseObject(result, trail, false) : normalise(result, trail);
}

function normaliseArray(value: readonly unknown[], trail: Trail): Plain[] {
  const count = value.length;
  countValues(trail, count);
  const copy: Plain[] = [];
  const level = trail.steps.length - 1;
  for (let index = 0; index < count; index += 1) {
    trail.steps[level] = index;
    copy.push(normalise(value[index], trail) ?? null);
  }
  return copy;
}

function normaliseProperties(value: Record<string, unknown>, trail: Trail): Plain {
  const names = Object.keys(value);
  countValues(trail, names.length);
  const copy: { [name: string]: Plain } = {};
  const level = trail.steps.length - 1;
  for (const name of names) {
    trail.steps[level] = name;
    const property = normalise(value[name], trail);
    if (property === undefined) continue;
    const fault = nameFault(name, trail.limits);
    if (fault !== undefined) refuse(trailPath(trail), fault);
    copy[name] = property;
  }
  return copy;
}

function normaliseMap(value: Map<unknown, unknown>, trail: Trail): Plain {
  const entries = [...Map.prototype.entries.call(value)];
  countValues(trail, entries.length * 2);
  const copy = new Map<Plain, Plain>();
  const level = trail.steps.length - 1;
  for (const [index, entry] of entries.entries()) {
    trail.steps[level] = `.keys()[${index}]`;
    const key = normalise(entry[0], trail) ?? null;
    trail.steps[level] = `.values()[${index}]`;
    const content = normalise(entry[1], trail);
    if (content !== undefined) copy.set(key, content);
  }
  return copy;
}

function normaliseSet(value: Set<unknown>, trail: Trail): Plain {
  const elements = [...Set.prototype.values.call(value)];
  countValues(trail, elements.length);
  const copy = new Set<Plain>();
  const level = trail.steps.length - 1;
  for (const [index, element] of elements.entries()) {
    trail.steps[level] = `.values()[${index}]`;
    copy.add(normalise(element, trail) ?? null);
  }
  return copy;
}

function enter(container: object, trail: Trail): void {
  if (trail.containers.includes(container)) refuse(trailPath(trail), "contains itself; store ids instead of references");
  if (trail.containers.length >= trail.limits.depth) {
    refuse(trailPath(trail), `is nested deeper than ${trail.limits.depth} levels; flatten it or raise limits.depth`);
  }
  trail.containers.push(container);
  trail.steps.push(undefined);
}

/** Every value takes a byte at least: what cannot fit is refused before a huge (sparse, or much shared) structure is copied. */
function countValues(trail: Trail, count: number): void {
  trail.valueCount += count;
  if (trail.valueCount <= trail.limits.valueBytes) return;
  throw new SessionError(
    "LIMIT_EXCEEDED",
    `${trailPath(trail)} makes ${trail.path} hold more than limits.valueBytes (${trail.limits.valueBytes}); store less, or raise it`,
  );
}

function canonicalNumber(value: number): number | null {
  // Adding 0 turns -0 into 0.
  return Number.isFinite(value) ? value + 0 : null;
}

const typedArrayTagProperty = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);

/** `Uint8Array` for that and for Node's Buffer, in any realm; cannot be faked. Undefined for what is no typed array. */
function typedArrayTag(value: object): unknown {
  return ArrayBuffer.isView(value) ? typedArrayTagProperty?.get?.call(value) : undefined;
}

/** An instance of the class itself, in any realm, not of a subclass. A fake one fails when it is iterated. */
function isBuiltIn(value: object, prototype: unknown, tag: string): boolean {
  return Object.prototype.toString.call(value) === tag && isRootPrototype(Object.getPrototypeOf(prototype));
}

/** `Object.prototype` of this or another realm. */
function isRootPrototype(prototype: unknown): boolean {
  if (prototype === Object.prototype) return true;
  return (
    typeof prototype === "object" &&
    prototype !== null &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, "isPrototypeOf")
  );
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** Within canonical values. */
function isObject(value: Plain): value is { [name: string]: Plain } {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function equalObjects(left: { [name: string]: Plain }, right: { [name: string]: Plain }): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  for (const name of names) {
    if (!Object.hasOwn(right, name) || !equalValues(left[name] as Plain, right[name] as Plain)) return false;
  }
  return true;
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index += 1) if (left[index] !== right[index]) return false;
  return true;
}

function equalMaps(left: Map<Plain, Plain>, right: Map<Plain, Plain>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    // Keys that are objects have no identity across copies: only the canonical forms can be compared.
    if (typeof key === "object" && key !== null) return valueKey(left) === valueKey(right);
    const other = right.get(key);
    if (other === undefined || !equalValues(value, other)) return false;
  }
  return true;
}

function equalSets(left: Set<Plain>, right: Set<Plain>): boolean {
  if (left.size !== right.size) return false;
  for (const element of left) {
    if (typeof element === "object" && element !== null) return valueKey(left) === valueKey(right);
    if (!right.has(element)) return false;
  }
  return true;
}

function refuse(path: string, reason: string): never {
  throw new SessionError("VALUE_REFUSED", `${path} ${reason}`);
}

function refuseInstance(trail: Trail): never {
  return refuse(trailPath(trail), "is an instance of a class, which cannot be stored; store plain data or give it a toJSON method");
}

function trailPath(trail: Trail): string {
  let path = trail.path;
  for (const step of trail.steps) {
    if (step === undefined) break;
    if (typeof step === "number") path += `[${step}]`;
    else if (/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step)) path += `.${step}`;
    else if (/^\.(?:keys|values)\(\)\[\d+\]$/.test(step)) path += step;
    else path += `[${quoted(step)}]`;
  }
  return path;
}

function quoted(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}
