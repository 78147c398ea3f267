import fc from "fast-check";
import { createDecoder, hasContent } from "lib0/decoding";
import { encode } from "lib0/encoding";
import { describe, expect, it } from "vitest";
import { SessionError } from "../../src/engine/errors.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import { encodedValueBytes, readValue, valueKey, writeValue } from "../../src/engine/value-codec.ts";
import { cloneValue, equalValues, normaliseValue, type Plain } from "../../src/engine/values.ts";
import { storableName, storableScalar, storableValue } from "../support/storable-value.ts";

const limits = { ...DEFAULT_LIMITS, depth: 8 };

describe("values", () => {
  it("[V1] always reads what was written, to the last byte, in the size foretold", () => {
    fc.assert(
      fc.property(storableValue, (value) => {
        const bytes = encoded(value);
        const decoder = createDecoder(bytes);
        expect(readValue(decoder, limits)).toStrictEqual(value);
        expect(hasContent(decoder)).toBe(false);
        expect(encodedValueBytes(value)).toBe(bytes.length);
      }),
    );
  });

  it("[V1] always keeps the order of properties and entries", () => {
    fc.assert(
      fc.property(storableValue, (value) => {
        expect(inOrder(decoded(encoded(value)))).toBe(inOrder(value));
        expect(inOrder(cloneValue(value))).toBe(inOrder(value));
        expect(inOrder(normaliseValue(value, "value", limits) ?? null)).toBe(inOrder(value));
      }),
    );
  });

  it("[V1] a canonical value always normalises to an equal copy that shares nothing with it", () => {
    fc.assert(
      fc.property(storableValue, (value) => {
        const known = containersOf(value);
        for (const copy of [normaliseValue(value, "value", limits), cloneValue(value)]) {
          expect(copy).toStrictEqual(value);
          for (const container of containersOf(copy as Plain)) expect(known.has(container)).toBe(false);
        }
      }),
    );
  });

  it("[V1] a JSON value never takes more than three times its JSON", () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const canonical = normaliseValue(value, "value", limits) ?? null;
        expect(encodedValueBytes(canonical)).toBeLessThanOrEqual(3 * Buffer.byteLength(JSON.stringify(value)));
      }),
    );
  });

  it("[V1] what JSON.parse gives is always stored as JSON.stringify would say it", () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const text = JSON.stringify(value);
        expect(JSON.stringify(normaliseValue(JSON.parse(text), "value", limits))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it("[V2] any JavaScript value is either refused with a VALUE_REFUSED that starts with the path, or stored for good", () => {
    fc.assert(
      fc.property(anything, (value) => {
        let normal: Plain | undefined;
        try {
          normal = normaliseValue(value, "cart", limits);
        } catch (error) {
          expectCode(error, "VALUE_REFUSED");
          expect((error as SessionError).message).toMatch(/^cart/);
          return;
        }
        if (normal === undefined) return;
        expect(decoded(encoded(normal))).toStrictEqual(normal);
        expect(normaliseValue(normal, "cart", limits)).toStrictEqual(normal);
      }),
    );
  });

  it("[V2] one refused value anywhere inside always refuses the whole, under its own path", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(3), fc.constantFrom("a", "b", "odd name", "x.y")), { maxLength: 6 }),
        fc.constantFrom<unknown>(
          () => 1,
          Symbol("s"),
          "\ud800",
          new (class Cart {})(),
          new Error("no"),
          /x/,
          new Float64Array(1),
          new ArrayBuffer(1),
        ),
        (steps, offender) => {
          const value = steps.reduceRight<unknown>((inner, step) => {
            if (typeof step === "string") return { before: 1, [step]: inner };
            const array: unknown[] = Array.from({ length: step }, () => 0);
            return [...array, inner];
          }, offender);
          const path = steps
            .map((step) => (typeof step === "number" ? `[${step}]` : /^\w+$/.test(step) ? `.${step}` : `["${step}"]`))
            .join("");
          expect(() => normaliseValue(value, "cart", limits)).toThrow(expect.objectContaining({ code: "VALUE_REFUSED" }));
          expect(() => normaliseValue(value, "cart", limits)).toThrow(`cart${path} is `);
        },
      ),
    );
  });

  it("[V3] mutated bytes always give a canonical value or RECORD_CORRUPT, and never pollute", () => {
    fc.assert(
      fc.property(storableValue, mutations, (value, changes) => {
        expectCanonicalOrCorrupt(mutated(encoded(value), changes));
      }),
    );
  });

  it("[V3] random bytes always give a canonical value or RECORD_CORRUPT, and never pollute", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), expectCanonicalOrCorrupt));
  });

  it("[V3] a value that is cut off is always refused", () => {
    fc.assert(
      fc.property(storableValue, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (value, part) => {
        const bytes = encoded(value);
        expect(() => decoded(bytes.subarray(0, Math.floor(bytes.length * part)))).toThrow(
          expect.objectContaining({ code: "RECORD_CORRUPT" }),
        );
      }),
    );
  });

  it("[V1] two values have equal keys exactly when they are equal", () => {
    fc.assert(
      fc.property(smallValue, smallValue, (left, right) => {
        expect(valueKey(left) === valueKey(right)).toBe(equalValues(left, right));
        expect(equalValues(left, right)).toBe(equalValues(right, left));
      }),
    );
  });

  it("[V1] equality and keys never depend on the order of properties or entries", () => {
    fc.assert(
      fc.property(storableValue, (value) => {
        const other = backwards(value);
        expect(equalValues(value, other)).toBe(true);
        expect(valueKey(other)).toBe(valueKey(value));
      }),
    );
  });

  it("[V1] a value with one scalar replaced by another never equals what it was", () => {
    fc.assert(
      fc.property(storableScalar, storableScalar, fc.nat(5), (left, right, shape) => {
        const wrap = [
          (inner: Plain): Plain => inner,
          (inner: Plain): Plain => [1, inner],
          (inner: Plain): Plain => ({ a: { b: inner } }),
          (inner: Plain): Plain => new Map<Plain, Plain>([["k", inner]]),
          (inner: Plain): Plain => new Map<Plain, Plain>([[inner, 1]]),
          (inner: Plain): Plain => new Set<Plain>([inner]),
        ][shape] as (inner: Plain) => Plain;
        expect(equalValues(wrap(left), wrap(right))).toBe(equalValues(left, right));
        expect(equalValues(left, right)).toBe(valueKey(left) === valueKey(right));
      }),
    );
  });
});

/** What applications pass by mistake, too. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withSparseArray: true,
  withBoxedValues: true,
  withNullPrototype: true,
  maxDepth: 4,
  key: fc.oneof({ weight: 20, arbitrary: storableName }, { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "\udc00") }),
});

/** Not `fc.jsonValue`: that gives the refused names, now and then. */
const jsonValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0.5, -0.5, 1e21, 1.5),
    fc.string({ unit: "binary" }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(storableName, tie("value"), { maxKeys: 18 }),
  ),
})).value;

const smallValue: fc.Arbitrary<Plain> = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.constantFrom<Plain>(null, 0, 1, "0", "a", 1n, true),
    fc.constantFrom(0, 1).map((timeMs) => new Date(timeMs)),
    fc.constantFrom(0, 1).map((byte) => new Uint8Array([byte])),
    fc.array(tie("value"), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom("a", "b"), tie("value"), { maxKeys: 2, noNullPrototype: true }),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 2 }).map((entries) => new Map(entries)),
    fc.array(tie("value"), { maxLength: 2 }).map((elements) => new Set(elements)),
  ),
})).value;

const mutations = fc.array(
  fc.record({
    kind: fc.constantFrom("flip", "insert", "remove", "cut"),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0xc0, max: 0xff })),
  }),
  { minLength: 1, maxLength: 4 },
);

function mutated(bytes: Uint8Array, changes: readonly { kind: string; at: number; byte: number }[]): Uint8Array {
  const list = [...bytes];
  for (const { kind, at, byte } of changes) {
    const index = Math.floor(list.length * at);
    if (kind === "flip") list[index] = byte;
    else if (kind === "insert") list.splice(index, 0, byte);
    else if (kind === "remove") list.splice(index, 1);
    else list.length = index;
  }
  return Uint8Array.from(list);
}

function expectCanonicalOrCorrupt(bytes: Uint8Array): void {
  let value: Plain;
  try {
    value = decoded(bytes);
  } catch (error) {
    expectCode(error, "RECORD_CORRUPT");
    return;
  } finally {
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  }
  expect(normaliseValue(value, "value", limits)).toStrictEqual(value);
  expect(decoded(encoded(value))).toStrictEqual(value);
}

function expectCode(error: unknown, code: string): void {
  if (!(error instanceof SessionError)) throw error;
  expect(error.code).toBe(code);
}

function encoded(value: Plain): Uint8Array {
  return encode((encoder) => writeValue(encoder, value));
}

function decoded(bytes: Uint8Array): Plain {
  return readValue(createDecoder(bytes), limits);
}

/** A rendering that shows every order, kind and sign: what `toStrictEqual` does not compare. */
function inOrder(value: Plain): string {
  if (typeof value !== "object" || value === null) return `${typeof value} ${Object.is(value, -0) ? "-0" : String(value)}`;
  if (Array.isArray(value)) return `[${value.map(inOrder).join()}]`;
  if (value instanceof Date) return `Date ${value.getTime()}`;
  if (value instanceof Uint8Array) return `bytes ${value.join()}`;
  if (value instanceof Map) return `Map ${[...value].map(([key, content]) => `${inOrder(key)}=>${inOrder(content)}`).join()}`;
  if (value instanceof Set) return `Set ${[...value].map(inOrder).join()}`;
  return `{${Object.entries(value)
    .map(([name, content]) => `${JSON.stringify(name)}:${inOrder(content)}`)
    .join()}}`;
}

function backwards(value: Plain): Plain {
  if (typeof value !== "object" || value === null || value instanceof Date || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(backwards);
  if (value instanceof Map) return new Map([...value].reverse().map(([key, content]) => [backwards(key), backwards(content)]));
  if (value instanceof Set) return new Set([...value].reverse().map(backwards));
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, content]) => [name, backwards(content)]),
  );
}

function containersOf(value: Plain, found = new Set<object>()): Set<object> {
  if (typeof value !== "object" || value === null) return found;
  found.add(value);
  if (value instanceof Date || value instanceof Uint8Array) return found;
  const contents = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value);
  for (const content of contents) containersOf(content, found);
  return found;
}
