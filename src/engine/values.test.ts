import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "./limits.ts";
import { checkName, cloneValue, equalValues, isPlainObject, isWellFormed, normaliseValue, type Plain, utf8Length } from "./values.ts";

const limits = DEFAULT_LIMITS;

function normal(value: unknown): unknown {
  return normaliseValue(value, "cart", limits);
}

describe("normaliseValue", () => {
  it.each([
    ["undefined", undefined, undefined],
    ["null", null, null],
    ["NaN", Number.NaN, null],
    ["Infinity", Number.POSITIVE_INFINITY, null],
    ["-Infinity", Number.NEGATIVE_INFINITY, null],
    ["-0", -0, 0],
    ["an invalid Date", new Date(Number.NaN), null],
    ["undefined in an object", { a: undefined, b: { c: undefined } }, { b: {} }],
    ["undefined in an array", [undefined, [undefined]], [null, [null]]],
    ["undefined in a Set", new Set([undefined]), new Set([null])],
    [
      "undefined as key and as value of a Map",
      new Map([
        [undefined, 1],
        [2, undefined],
      ]),
      new Map([[null, 1]]),
    ],
    ["numbers inside", { a: [-0, Number.NaN] }, { a: [0, null] }],
    ["a null prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ["a hole", [, 1], [null, 1]], // oxlint-disable-line no-sparse-arrays
    ["a symbol as name", { [Symbol("s")]: 1, a: 1 }, { a: 1 }],
    ["a hidden property", Object.defineProperty({ a: 1 }, "b", { value: 2, enumerable: false }), { a: 1 }],
    ["a property of an array", Object.assign([1], { extra: 2 }), [1]],
    ["a huge BigInt", -(10n ** 400n), -(10n ** 400n)],
    ["names of built-ins", { toString: 1, hasOwnProperty: 2 }, { toString: 1, hasOwnProperty: 2 }],
  ])("[V2] stores %s as JSON would, or better", (_, value, stored) => {
    expect(normal(value)).toStrictEqual(stored);
  });

  it("[V2] stores a Buffer as plain bytes of its own", () => {
    const buffer = Buffer.from("abc");
    const stored = normal({ buffer }) as { buffer: Uint8Array };
    buffer[0] = 0;
    expect(Object.getPrototypeOf(stored.buffer)).toBe(Uint8Array.prototype);
    expect(stored.buffer).toStrictEqual(new Uint8Array([97, 98, 99]));
    expect(stored.buffer.buffer.byteLength).toBe(3);
  });

  it("[V2] stores what toJSON gives, with the name that JSON passes, and calls it once", () => {
    const asked: unknown[] = [];
    class Money {
      toJSON(name: string): unknown {
        asked.push(name);
        return { amount: 1n, toJSON: undefined };
      }
    }
    expect(normal({ price: new Money(), list: [new Money()] })).toStrictEqual({ price: { amount: 1n }, list: [{ amount: 1n }] });
    expect(normal(new Money())).toStrictEqual({ amount: 1n });
    expect(asked).toEqual(["price", "0", ""]);
    expect(normal({ gone: { toJSON: () => undefined }, list: [{ toJSON: () => undefined }] })).toStrictEqual({ list: [null] });
  });

  it("[V2] does not follow a toJSON that returns its own object for ever", () => {
    const self = { a: 1, toJSON: (): unknown => self };
    expect(() => normal({ self })).toThrow(/^cart\.self\.toJSON is a function/);
  });

  it("[V2] copies what occurs twice twice", () => {
    const address = { city: "Ulm" };
    const stored = normal({ from: address, to: address, all: [address, address] }) as { from: object; to: object; all: object[] };
    expect(stored).toStrictEqual({ from: { city: "Ulm" }, to: { city: "Ulm" }, all: [{ city: "Ulm" }, { city: "Ulm" }] });
    expect(new Set([address, stored.from, stored.to, ...stored.all]).size).toBe(5);
  });

  it("[V2] reads an accessor once and stores what it gave", () => {
    let readCount = 0;
    const value = {
      get visits(): number {
        readCount += 1;
        return readCount;
      },
    };
    const stored = normal(value);
    expect([stored, readCount]).toEqual([{ visits: 1 }, 1]);
    expect(Object.getOwnPropertyDescriptor(stored, "visits")).toMatchObject({ value: 1, writable: true });
  });

  it("[V2] stores ordinary values of another realm, as a test runner's sandbox makes them", () => {
    const foreign: unknown = runInNewContext(
      "({ list: [1, new Date(5)], map: new Map([[1, 2]]), set: new Set([3]), bytes: new Uint8Array([4]), none: Object.create(null) })",
    );
    expect(normal(foreign)).toStrictEqual({
      list: [1, new Date(5)],
      map: new Map([[1, 2]]),
      set: new Set([3]),
      bytes: new Uint8Array([4]),
      none: {},
    });
    expect(() => normal(runInNewContext("new (class Cart {})()"))).toThrow(expect.objectContaining({ code: "VALUE_REFUSED" }));
    expect(() => normal(runInNewContext("new (class Cart extends Array {})()"))).toThrow(
      expect.objectContaining({ code: "VALUE_REFUSED" }),
    );
  });

  const cycle: { lines: unknown[] } = { lines: [0] };
  cycle.lines.push({ cart: cycle });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const boxed = (value: string | number): unknown => Object(value);
  const fromJson = (text: string): unknown => JSON.parse(text);
  const pretender: unknown = Object.create(Object.create(Object.prototype, { [Symbol.toStringTag]: { value: "Map" } }) as object);
  class Cart {}
  class Lines extends Array {}
  class Index extends Map {}
  const thrower = {
    get price(): number {
      throw new RangeError("no price");
    },
  };

  it.each<[string, string, unknown]>([
    ["a function", "cart.lines[3].price is a function", { lines: [0, 0, 0, { price: () => 1 }] }],
    ["a function alone", "cart is a function", () => 1],
    ["a symbol", "cart.a is a symbol", { a: Symbol("s") }],
    ["an instance", "cart[0] is an instance of a class", [new Cart()]],
    ["a subclass of Array", "cart.a is an instance of a class", { a: new Lines() }],
    ["a subclass of Map", "cart is an instance of a class", new Index()],
    ["a boxed number", "cart.a is an instance of a class", { a: boxed(1) }],
    ["a boxed string", "cart.a is an instance of a class", { a: boxed("a") }],
    ["a regular expression", "cart.a is an instance of a class", { a: /a/ }],
    ["an error", "cart is an instance of a class", new Error("no")],
    ["a promise", "cart is an instance of a class", Promise.resolve()],
    ["a WeakMap", "cart is an instance of a class", new WeakMap()],
    ["an ArrayBuffer", "cart is an instance of a class", new ArrayBuffer(1)],
    ["another typed array", "cart.a is an instance of a class", { a: new Uint16Array(1) }],
    ["clamped bytes", "cart is an instance of a class", new Uint8ClampedArray(1)],
    ["a DataView", "cart is an instance of a class", new DataView(new ArrayBuffer(1))],
    ["a child of a plain object", "cart is an instance of a class", Object.create({ a: 1 })],
    ["what only says to be a Map", "cart.a cannot be read", { a: pretender }],
    ["what only says to be a Date", "cart cannot be read", { [Symbol.toStringTag]: "Date" }],
    ["a cycle", "cart.lines[1].cart contains itself", cycle],
    ["a lone surrogate", "cart.a[1] is a string with a lone surrogate", { a: ["\u{1f600}", "\ud83d"] }],
    ["a lone surrogate alone", "cart is a string with a lone surrogate", "\udc00"],
    ["a lone surrogate in a name", 'cart["\\udc00"] has a name with a lone surrogate', { "\udc00": 1 }],
    ["a refused name", "cart.a.__proto__ has a name that could pollute", { a: fromJson('{"__proto__":{"isAdmin":true}}') }],
    ["another refused name", "cart.constructor has a name that could pollute", { constructor: 1 }],
    ["a third refused name", "cart.a.prototype has a name that could pollute", { a: { prototype: {} } }],
    ["a long name", "has a name of more than 128 bytes", { ["ä".repeat(65)]: 1 }],
    [
      "a key of a Map",
      "cart.a.keys()[1] is a function",
      {
        a: new Map<unknown, number>([
          [1, 1],
          [() => 1, 1],
        ]),
      },
    ],
    ["a value of a Map", "cart.values()[0].x is a symbol", new Map([[1, { x: Symbol("s") }]])],
    ["an element of a Set", "cart.values()[1] is a function", new Set([1, () => 1])],
    ["an odd name on the way", 'cart["a b"]["0"].c is a function', { "a b": { "0": { c: () => 1 } } }],
    ["an accessor that throws", "cart.line.price cannot be read", { line: thrower }],
    ["a toJSON that throws", "cart.a cannot be read", { a: { toJSON: () => BigInt("x") } }],
    ["a revoked proxy", "cart.a cannot be read", { a: revoked.proxy }],
  ])("[V2] refuses %s by its path", (_, message, value) => {
    let error: unknown;
    try {
      normal(value);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "VALUE_REFUSED" });
    expect((error as Error).message).toContain(message);
  });

  it("[V2] keeps the cause when application code throws", () => {
    expect(() => normal({ line: thrower })).toThrow(expect.objectContaining({ cause: new RangeError("no price") }));
  });

  it("[V2] stores 32 levels and refuses the 33rd", () => {
    const nested = (levels: number): unknown => {
      let value: unknown = 1;
      for (let level = 0; level < levels; level += 1) value = [value];
      return value;
    };
    expect(normal(nested(32))).toStrictEqual(nested(32));
    expect(() => normal(nested(33))).toThrow(`cart${"[0]".repeat(32)} is nested deeper than 32 levels`);
    expect(() => normal(nested(1_000_000))).toThrow(expect.objectContaining({ code: "VALUE_REFUSED" }));
  });

  it("[V2] refuses what cannot fit before it is copied: a sparse giant, a tower of shared arrays", () => {
    const giant: unknown[] = [];
    giant.length = 2 ** 32 - 1;
    expect(() => normal({ giant })).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
    expect(() => normal({ giant })).toThrow(/^cart\.giant /);
    let tower: unknown[] = [];
    for (let level = 0; level < 30; level += 1) tower = [tower, tower];
    expect(() => normal(tower)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  });

  it("[V2] keeps values out of its messages", () => {
    expect(() => normal({ token: "secret\ud800" })).not.toThrow(/secret/);
  });
});

describe("checkName", () => {
  it.each(["__proto__", "constructor", "prototype", "\ud800", "a\udc00", "a".repeat(129), "ä".repeat(65), "名".repeat(43)])(
    "[V4] refuses %j",
    (name) => {
      expect(() => checkName(name, limits)).toThrow(expect.objectContaining({ code: "ATTRIBUTE_NAME_REFUSED" }));
    },
  );

  it.each(["", "cart", "__proto", "toString", "a".repeat(128), "ä".repeat(64), "\u{1f600}".repeat(32), "名前"])(
    "[V4] accepts %j",
    (name) => {
      expect(() => checkName(name, limits)).not.toThrow();
    },
  );
});

describe("isPlainObject", () => {
  it("[V2] tells ordinary objects from everything else", () => {
    for (const value of [{}, Object.create(null), runInNewContext("({})")]) expect(isPlainObject(value)).toBe(true);
    class Empty {}
    Object.setPrototypeOf(Empty.prototype, null);
    for (const value of [null, undefined, 1, "a", [], new Date(), new Map(), () => 1, Object.create({}), new Empty()]) {
      expect(isPlainObject(value)).toBe(false);
    }
  });
});

describe("equalValues", () => {
  it("[V1] does not look at the order of properties", () => {
    expect(equalValues({ a: 1, b: { c: 2, d: [3] } }, { b: { d: [3], c: 2 }, a: 1 })).toBe(true);
  });

  it("[V1] counts equal elements of a Set of objects, and equal keys of a Map", () => {
    const setOf = (...ids: number[]): Set<{ id: number }> => new Set(ids.map((id) => ({ id })));
    expect(equalValues(setOf(1, 1, 2), setOf(2, 1, 1))).toBe(true);
    expect(equalValues(setOf(1, 1, 2), setOf(1, 2, 2))).toBe(false);
    expect(equalValues(new Map([[{ id: 1 }, "a"]]), new Map([[{ id: 1 }, "a"]]))).toBe(true);
    expect(equalValues(new Map([[{ id: 1 }, "a"]]), new Map([[{ id: 1 }, "b"]]))).toBe(false);
  });

  it("[V1] does not take an inherited property for one's own", () => {
    expect(equalValues({ toString: null }, { a: null })).toBe(false);
  });

  it("[V1] tells kinds apart that look alike", () => {
    const alike: Plain[] = [
      0,
      "0",
      0n,
      false,
      null,
      "",
      [],
      {},
      new Map(),
      new Set(),
      new Uint8Array(),
      new Date(0),
      [null],
      { 0: null },
      [0],
      new Set([0]),
    ];
    for (const [index, left] of alike.entries()) {
      for (const [other, right] of alike.entries()) expect(equalValues(left, right)).toBe(index === other);
    }
  });
});

describe("cloneValue", () => {
  it("[V1] shares nothing", () => {
    const value = { list: [{ a: 1 }], map: new Map([[{ k: 1 }, [1]]]), set: new Set([[1]]), at: new Date(1), bytes: new Uint8Array([1]) };
    const copy = cloneValue(value);
    expect(copy).toStrictEqual(value);
    copy.list[0] = { a: 2 };
    copy.at.setTime(2);
    copy.bytes[0] = 2;
    [...copy.set][0]?.push(2);
    expect(value).toStrictEqual({
      list: [{ a: 1 }],
      map: new Map([[{ k: 1 }, [1]]]),
      set: new Set([[1]]),
      at: new Date(1),
      bytes: new Uint8Array([1]),
    });
  });
});

describe("text", () => {
  it.each(["", "a", "é", "名", "\u{1f600}", "a\u{1f600}é名", "\u07ff\u0800\uffff"])("[V1] counts the UTF-8 bytes of %j", (text) => {
    expect(utf8Length(text)).toBe(Buffer.byteLength(text));
  });

  it("[V2] knows a lone surrogate from a pair", () => {
    expect(["a\u{1f600}", "\ud83d", "\ude00\ud83d", "a\ude00"].map(isWellFormed)).toEqual([true, false, false, false]);
  });
});
