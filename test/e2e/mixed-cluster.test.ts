import { afterEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startProcess, type TestProcess } from "../support/process.ts";

const running: TestProcess[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
});

interface Page {
  readonly status: number;
  readonly text: string;
  readonly location: string | null;
}

/** A browser without script: keeps every cookie that it is given, and drops those that end. */
class Visitor {
  readonly cookies = new Map<string, string>();
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async send(path: string, form?: Readonly<Record<string, string>>): Promise<Page> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(new URL(path, this.#url), {
      redirect: "manual",
      headers: cookie === "" ? {} : { cookie },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return { status: response.status, text: await response.text(), location: response.headers.get("location") };
  }

  /** The session's cookie alone: what tells which writes this browser has seen stands beside it. */
  get sessionCookies(): string[] {
    return [...this.cookies.keys()].filter((name) => !/-\d$/.test(name));
  }
}

async function start(): Promise<string> {
  const example = startProcess("examples/run.ts", ["mixed-cluster"], { PORT: "0" });
  running.push(example);
  const [, url = ""] = await example.waitForLine(/^Open (\S+)$/, 60_000);
  return url;
}

test("[A46] login on Express, cart on Fastify, checkout on Koa: one cookie, one session, one logout", async () => {
  const url = await start();
  const ann = new Visitor(url);
  expect((await ann.send("/checkout")).status).toBe(401);

  // A cart of a visitor, kept by the login, which gives the session another id.
  expect(await ann.send("/cart", { item: "lamp" })).toMatchObject({ status: 302, location: "/cart" });
  const before = new Map(ann.cookies);
  expect(await ann.send("/login", { user: "Ann" })).toMatchObject({ status: 302, location: "/cart" });
  expect(ann.sessionCookies).toEqual(["sid"]);
  expect(ann.cookies.get("sid")).not.toBe(before.get("sid"));

  // At once, without a wait: each of the next requests meets another process.
  const cart = await ann.send("/cart");
  expect(cart.text).toContain("The cart of Ann");
  expect(cart.text).toContain("<li>lamp</li>");
  await ann.send("/cart", { item: "chair" });
  expect((await ann.send("/checkout")).text).toContain("Ann orders 2 things, and has ordered 0 times");
  await ann.send("/checkout", {});
  expect((await ann.send("/cart")).text).not.toContain("<li>");
  expect((await ann.send("/checkout")).text).toContain("Ann orders 0 things, and has ordered 1 times");
  expect((await ann.send("/")).text).toContain("Hello, <b>Ann</b>");

  // The id from before the login opens nothing, anywhere.
  const thief = new Visitor(url);
  for (const [name, value] of before) thief.cookies.set(name, value);
  expect((await thief.send("/checkout")).status).toBe(401);

  const held = new Map(ann.cookies);
  expect(await ann.send("/logout", {})).toMatchObject({ status: 302, location: "/" });
  expect(ann.sessionCookies).toEqual([]);
  const copy = new Visitor(url);
  await eventually(async () => {
    for (const [name, value] of held) copy.cookies.set(name, value);
    expect((await copy.send("/checkout")).status).toBe(401);
    expect((await copy.send("/cart")).text).toContain("The cart of nobody");
    expect((await copy.send("/")).text).not.toContain("Hello");
  });
});
