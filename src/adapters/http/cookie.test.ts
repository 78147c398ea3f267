import { describe, expect, test } from "vitest";
import { SessionCookie } from "./cookie.ts";
import type { CookieOptions } from "./cookie-options.ts";
import { KeyRing } from "./key-ring.ts";
import { Notices } from "./notices.ts";
import type { Notice } from "./notices.ts";

const SECRET = "a secret of tests, with its thirty-two bytes and more";
const TLS = { isSecure: true, isLoopback: false };
const LOOPBACK = { isSecure: false, isLoopback: true };
const PLAIN = { isSecure: false, isLoopback: false };

function make(name?: string, options: CookieOptions = {}, isProduction = false) {
  const seen: Notice[] = [];
  const notices = new Notices((notice) => seen.push(notice));
  return {
    cookie: new SessionCookie(name, options, new KeyRing(SECRET, notices), notices, isProduction),
    codes: () => seen.map(({ code }) => code),
  };
}

describe("SessionCookie", () => {
  test.each<[string | undefined, CookieOptions]>([
    ["__Host-sid", { domain: "example.org" }],
    ["__Host-sid", { path: "/shop" }],
    ["__HOST-sid", { path: "/shop" }],
    ["__Host-sid", { secure: false }],
    ["__Secure-sid", { secure: false }],
    ["sid", { secure: false, sameSite: "none" }],
    ["sid", { path: "shop" }],
    ["sid", { path: "/a;b" }],
    ["sid", { domain: "a;b" }],
    ["si d", {}],
    ["a=b", {}],
    ["__Host-", {}],
    ["", {}],
    ["sid", { maxAge: 0 }],
    ["sid", { maxAge: Number.NaN }],
    ["sid", { sameSite: "sometimes" as never }],
    ["sid", { secure: "never" as never }],
    ["sid", { priority: "urgent" as never }],
    ["sid", { partitioned: true, secure: false }],
    ["sid", { partitioned: true, sameSite: "lax" }],
    ["sid", { expires: "tomorrow" as never }],
    ["sid", { maxAge: "1 day" as never }],
  ])("[A2] refuses at start what browsers refuse later: name %j with %j", (name, options) => {
    expect(() => make(name, options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });

  test("[A2] chooses the channel: TLS, loopback outside production, or none", () => {
    const auto = make().cookie;
    expect([TLS, LOOPBACK, PLAIN].map((connection) => auto.channel(connection))).toEqual(["secure", "open", "closed"]);
    const production = make(undefined, {}, true).cookie;
    expect([TLS, LOOPBACK, PLAIN].map((connection) => production.channel(connection))).toEqual(["secure", "closed", "closed"]);
    const always = make(undefined, { secure: true }).cookie;
    expect([TLS, LOOPBACK, PLAIN].map((connection) => always.channel(connection))).toEqual(["secure", "closed", "closed"]);
    const never = make(undefined, { secure: false }).cookie;
    expect([TLS, LOOPBACK, PLAIN].map((connection) => never.channel(connection))).toEqual(["open", "open", "open"]);
  });

  test("[A2] SameSite=None needs Secure, and is Lax where there is none", () => {
    const { cookie } = make(undefined, { sameSite: "none" });
    expect(cookie.write("secure", "id", undefined, 0)).toContain("; Secure; SameSite=None");
    expect(cookie.write("open", "id", undefined, 0)).toMatch(/^sid=.*; SameSite=Lax$/);
  });

  test("[A2] never sends more than 4,096 bytes of name and value, and says so", () => {
    for (const length of [4_000, 4_049, 4_050, 4_051, 4_052, 4_053, 4_100]) {
      const { cookie, codes } = make("__Host-sid");
      const written = cookie.write("secure", "i".repeat(length), undefined, 0);
      const pair = written?.slice(0, written.indexOf(";")) ?? "";
      // 43 characters of MAC and a dot.
      const bytes = "__Host-sid".length + length + 44;
      expect({ length, bytes: written === undefined ? 0 : pair.length - 1 }).toEqual({ length, bytes: bytes <= 4096 ? bytes : 0 });
      expect(codes().includes("cookie-too-large")).toBe(bytes > 4096);
    }
  });

  test("[A2] a name without prefix on a Secure cookie is a notice", () => {
    expect(make("sid").codes()).toEqual(["unprefixed-name"]);
    expect(make("__Secure-sid", { domain: "example.org" }).codes()).toEqual([]);
    expect(make("sid", { secure: false }).codes()).toEqual([]);
  });

  test("[A7] reads back the id and when it was sent", () => {
    const { cookie } = make();
    for (const [maxAgeMs, sentAtMs] of [
      [undefined, undefined],
      [60_000, 1_700_000_000_123],
    ] as const) {
      const header = cookie.write("secure", "an-id", maxAgeMs, 1_700_000_000_123)?.split(";")[0];
      expect(cookie.read(header, "secure")).toEqual({ kind: "presented", token: { id: "an-id", sentAtMs } });
      expect(cookie.read(header, "open")).toEqual({ kind: "none" });
    }
  });

  test("[A6] a fifth cookie of the name is not looked at", () => {
    const { cookie } = make();
    const header = cookie.write("secure", "an-id", undefined, 0)?.split(";")[0];
    const junk = "__Host-sid=a.b; ";
    expect(cookie.read(junk.repeat(3) + header, "secure").kind).toBe("presented");
    expect(cookie.read(junk.repeat(4) + header, "secure").kind).toBe("none");
  });

  test("[A4] a client may send the value percent-encoded, and nothing else counts as it", () => {
    const { cookie } = make("sid", { secure: false });
    // Enough of them that the signature of some has characters which are encoded.
    for (let index = 0; index < 32; index++) {
      const value = cookie.sign("open", `id-${index}`);
      const encoded = encodeURIComponent(value);
      expect(cookie.read(`sid=${encoded}`, "open")).toEqual({ kind: "presented", token: { id: `id-${index}`, sentAtMs: undefined } });
      expect(cookie.read(`sid=${encoded}; sid=${value}`, "open")).toMatchObject({ kind: "presented" });
      expect(cookie.read(`sid=${encodeURIComponent(encoded)}x`, "open")).toEqual({ kind: "none" });
    }
    expect(cookie.read("sid=%E0%A4%A.x", "open")).toEqual({ kind: "none" });
  });
});
