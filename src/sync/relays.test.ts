import { describe, expect, it } from "vitest";
import { relays } from "./relays.ts";

const SECRET = "x".repeat(32);
const invalid: unknown = expect.objectContaining({ code: "OPTION_INVALID" });

describe("relays", () => {
  it("takes ws:// and wss:// addresses and a secret of at least 32 bytes", () => {
    expect(() => relays(["ws://127.0.0.1:7411", "wss://relay.example/path"], { alone: "serve", secret: SECRET })).not.toThrow();
    expect(() => relays(["ws://[::1]:7411"], { alone: "serve", secret: "ü".repeat(16) })).not.toThrow();
  });

  it("refuses a short secret without repeating it", () => {
    expect(() => relays(["ws://127.0.0.1:7411"], { alone: "serve", secret: "short" })).toThrow(invalid);
    expect(() => relays(["ws://127.0.0.1:7411"], { alone: "serve", secret: "short" })).not.toThrow(/short/);
  });

  it("refuses addresses that are none, names that are no domain, and waits without end", () => {
    for (const address of ["", "127.0.0.1:7411", "http://127.0.0.1", "ws://user:pass@host", "ws://host/#part"]) {
      expect(() => relays([address], { alone: "serve", secret: SECRET })).toThrow(invalid);
    }
    expect(() => relays([], { alone: "serve", secret: SECRET })).toThrow(invalid);
    for (const domain of ["", "two words", "ü", "x".repeat(129)])
      expect(() => relays(["ws://host"], { alone: "serve", secret: SECRET, domain })).toThrow(invalid);
    for (const missTimeoutMs of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => relays(["ws://host"], { alone: "serve", secret: SECRET, missTimeoutMs })).toThrow(invalid);
      expect(() => relays(["ws://host"], { alone: "serve", secret: SECRET, ackTimeoutMs: missTimeoutMs })).toThrow(invalid);
    }
  });
});
