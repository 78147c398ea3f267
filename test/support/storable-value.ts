import fc from "fast-check";
import type { Plain } from "../../src/engine/values.ts";

/** Names that may stand in a session, with those among them that break naive code: integers (which JavaScript sorts) and built-ins. */
export const storableName: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 6 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom("toString", "hasOwnProperty", "valueOf", "length", "", "0", "10", "9", "toJSON") },
);

/** Canonical values that are no containers, biased towards the edges of the encoding. */
export const storableScalar: fc.Arbitrary<Plain> = fc.oneof(
  fc.constantFrom(null, true, false),
  fc.integer({ min: -300, max: 300 }),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((value) => value / 100 + 0),
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 110 }),
  fc.string({ minLength: 90, maxLength: 140 }),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 2000n), max: 2n ** 2000n }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 40 }),
);

/** Any value that a session can hold, in canonical form, at most six levels deep. */
export const storableValue: fc.Arbitrary<Plain> = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, depthSize: "small", withCrossShrink: true },
    storableScalar,
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(storableName, tie("value"), { maxKeys: 18, noNullPrototype: true }),
    fc.array(fc.tuple(fc.oneof(storableScalar, tie("value")), tie("value")), { maxLength: 5 }).map((entries) => new Map(entries)),
    fc.array(fc.oneof(storableScalar, tie("value")), { maxLength: 5 }).map((elements) => new Set(elements)),
  ),
})).value;
