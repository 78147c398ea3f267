import { randomUUID } from "node:crypto";
import { Signer as CookieSigner } from "@fastify/cookie";
import { describe, expect, test } from "vitest";
import { KeyRing } from "./key-ring.ts";
import { Notices } from "./notices.ts";
import type { Signer } from "./signer.ts";

describe("KeyRing", () => {
  const notices = new Notices(() => undefined);

  test("[A5] the first signs, all verify, and bytes are as good as text", () => {
    const old = new KeyRing("an old secret of thirty-two bytes at the least", notices);
    const next = new KeyRing([Buffer.alloc(32, 7), "an old secret of thirty-two bytes at the least"], notices);
    expect(next.verify("sid", old.sign("sid", "text"))).toBe("text");
    expect(next.verify("other", old.sign("sid", "text"))).toBeUndefined();
    expect(old.verify("sid", next.sign("sid", "text"))).toBeUndefined();
    expect(next.verify("sid", "text.")).toBeUndefined();
    expect(next.verify("sid", "")).toBeUndefined();
  });

  test("[A5] a list may be changed while it is used: the new first one signs, and one that was taken out verifies nothing any more", () => {
    const secrets = ["an old secret of thirty-two bytes at the least"];
    const ring = new KeyRing(secrets, notices);
    const signed = ring.sign("sid", "text");
    secrets.unshift("a new secret of thirty-two bytes at the least");
    expect(ring.sign("sid", "text")).not.toBe(signed);
    expect(ring.verify("sid", signed)).toBe("text");
    secrets.pop();
    expect(ring.verify("sid", signed)).toBeUndefined();
    secrets.length = 0;
    expect(() => ring.sign("sid", "text")).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });

  const opaque: Signer = {
    sign: (value) => Buffer.from(`secret:${value}`).toString("base64url"),
    unsign: (input) => {
      const text = Buffer.from(input, "base64url").toString();
      return text.startsWith("secret:") ? { valid: true, value: text.slice(7) } : { valid: false, value: null };
    },
  };

  test.each([
    ["that of @fastify/cookie", new CookieSigner("a secret of thirty-two bytes or even more")],
    ["one that shows nothing of what it signs", opaque],
  ])("[A5] a signer signs instead: %s", (_which, signer) => {
    const ring = new KeyRing(signer, notices);
    const signed = ring.sign("sid", "text");
    expect(ring.verify("sid", signed)).toBe("text");
    expect(ring.verify("other", signed)).toBeUndefined();
    expect(ring.verify("sid", `AAAA${signed.slice(4)}`)).toBeUndefined();
    const bytes = Buffer.from("bytes");
    expect(new KeyRing(signer, notices).isMac(bytes, ring.mac(bytes))).toBe(true);
    expect(new KeyRing("another secret of thirty-two bytes at the least", notices).isMac(bytes, ring.mac(bytes))).toBe(false);
  });

  test.each<[string, Partial<Signer>]>([
    ["signs nothing", { sign: (value) => value }],
    ["gives another signature each time", { sign: (value) => `${value}.${randomUUID()}` }],
    ["gives what no cookie may hold", { sign: (value) => `${value}; ${value}` }],
    ["does not know its own signature", { unsign: () => ({ valid: false, value: null }) }],
    ["takes everything", { unsign: (input) => ({ valid: true, value: opaque.unsign(input).value ?? input }) }],
  ])("[A18] refuses a signer that %s", (_what, parts) => {
    expect(() => new KeyRing({ ...opaque, ...parts }, notices)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });

  test.each([[undefined], [""], [[]], [["good enough for a test of the other one", ""]], [new Uint8Array()]])(
    "[A18] refuses %j",
    (secret) => {
      expect(() => new KeyRing(secret, notices)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    },
  );
});
