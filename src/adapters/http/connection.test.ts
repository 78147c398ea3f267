import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { isLoopback, isWithinPath } from "./connection.ts";

function request(remoteAddress: string | undefined, headers: Record<string, string>): IncomingMessage {
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

describe("isLoopback", () => {
  test.each<[string | undefined, Record<string, string>, boolean]>([
    ["127.0.0.1", { host: "localhost:3000" }, true],
    ["::1", { host: "[::1]:3000" }, true],
    ["::ffff:127.0.0.1", { host: "127.0.0.1" }, true],
    ["127.0.0.1", { host: "shop.localhost" }, true],
    ["127.0.0.1", { ":authority": "localhost" }, true],
    ["127.0.0.1", { host: "localhost", "x-forwarded-proto": "http" }, true],
    ["127.0.0.1", { host: "localhost", "x-forwarded-proto": "https, http" }, false],
    ["127.0.0.1", { host: "example.org" }, false],
    ["127.0.0.1", { host: "localhost.example.org" }, false],
    ["127.0.0.1", { host: "127.0.0.1.example.org" }, false],
    ["127.0.0.1", {}, false],
    ["10.0.0.7", { host: "localhost" }, false],
    ["::ffff:10.0.0.7", { host: "localhost" }, false],
    [undefined, { host: "localhost" }, false],
  ])("[A2] from %s with %j: %s", (address, headers, expected) => {
    expect(isLoopback(request(address, headers))).toBe(expected);
  });
});

describe("isWithinPath", () => {
  test.each([
    ["/anything", "/", true],
    ["/shop", "/shop", true],
    ["/shop/cart?x=/", "/shop", true],
    ["/shop?x=1", "/shop", true],
    ["/shop/", "/shop/", true],
    ["/shopping", "/shop", false],
    ["/", "/shop", false],
    ["/x?/shop", "/shop", false],
  ])("[A8] %s within %s: %s", (url, path, expected) => {
    expect(isWithinPath(url, path)).toBe(expected);
  });
});
