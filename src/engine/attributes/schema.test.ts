import { describe, expect, test } from "vitest";
import type { AttributeType } from "./attribute-type.ts";
import { counter } from "./counter.ts";
import { list } from "./list.ts";
import { map } from "./map.ts";
import { register } from "./register.ts";
import { type AttributeTypes, Schema } from "./schema.ts";
import { set } from "./set.ts";

describe("a declaration", () => {
  test("says how an attribute merges; units are registers, unless declared otherwise", () => {
    const schema = new Schema({ visits: counter(), user: map(), carts: map(list(counter())) }, ["user", "tenant"]);
    expect([schema.typeOf("visits").kind, schema.typeOf("user").kind, schema.typeOf("tenant").kind]).toEqual([
      "counter",
      "map",
      "register",
    ]);
    expect(schema.typeOf("carts").of?.of?.kind).toBe("counter");
    expect(schema.typeOf("other").kind).toBe("auto");
    expect(new Schema().typeOf("passport").kind).toBe("register");
  });

  test.each<[string, unknown, string]>([
    ["made by hand", { kind: "counter" }, "write for example attributes: { a: counter() }"],
    ["the function itself", counter, "write for example"],
    ["made by hand inside", map({ kind: "counter" } as unknown as AttributeType<number>), "write for example"],
    ["missing", undefined, "write for example"],
    ["null", null, "write for example"],
    ["options in the place of what is inside", map({ ttlMs: 5 } as unknown as AttributeType<number>), "write for example"],
    ["with options inside", map(counter({ ttlMs: 5 })), "map(counter(), { ttlMs: 60_000 })"],
    ["with options deep inside", list(map(set({ local: true }))), "belong to the attribute itself"],
    ["local inside, if only as false", map(counter({ local: false })), "belong to the attribute itself"],
    ["a ttlMs of 0", counter({ ttlMs: 0 }), "milliseconds above 0"],
    ["a ttlMs below 0", counter({ ttlMs: -1 }), "milliseconds above 0"],
    ["an endless ttlMs", counter({ ttlMs: Infinity }), "milliseconds above 0"],
    ["a ttlMs of text", counter({ ttlMs: "5" as unknown as number }), "milliseconds above 0"],
    ["local and a ttlMs", register({ ttlMs: 5, local: true }), "leave out ttlMs, or local"],
    ["local as text", register({ local: "yes" as unknown as boolean }), "neither true nor false"],
  ])("that is %s is refused, with what to write instead", (_what, type, advice) => {
    const make = (): unknown => new Schema({ a: type } as AttributeTypes);
    expect(make).toThrow(expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(advice) as string }));
  });
});
