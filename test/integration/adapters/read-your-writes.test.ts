import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { session as expressSession } from "../../../src/adapters/express/index.ts";
import { header } from "../../../src/adapters/http/index.ts";
import { eventually } from "../../support/eventually.ts";
import { contentOf, FRAMEWORKS, Gate, SECRET } from "./frameworks.ts";
import type { Routes } from "./frameworks.ts";
import { cookiesOf, startNodes, Traveller } from "./nodes.ts";
import type { Node, NodeOptions } from "./nodes.ts";

/** Waits for far longer than a link is held here; without it a node waits for what never comes. */
const PATIENT = { isPatient: true };

describe.each(FRAMEWORKS)("$name: reading your writes on another node", (framework) => {
  const closing: (() => Promise<unknown>)[] = [];
  let gates: readonly [Gate, Gate];

  const routes: Routes = {
    "/write": ({ session, query }) => {
      Object.assign(session, Object.fromEntries(query));
      return contentOf(session);
    },
    "/read": ({ session }) => contentOf(session),
    "/login": async (exchange) => {
      const keep = exchange.query.get("keep");
      await exchange.session.regenerate(keep === null ? { keep: false } : { keep: keep === "" ? true : keep.split(",") });
      exchange.session["user"] = "ada";
      return contentOf(exchange.session);
    },
    "/remember": ({ session }) => {
      session.cookie.maxAge = 30 * 24 * 3_600_000;
      return contentOf(session);
    },
    "/logout": async ({ session }) => {
      await session.destroy();
      return {};
    },
    "/ignore": () => ({}),
    "/slow": async ({ session, query }) => {
      Object.assign(session, Object.fromEntries(query));
      await gates[Number(query.get("gate"))]?.wait();
      return {};
    },
  };

  async function start(options: NodeOptions = {}): Promise<[Node, Node]> {
    return (await startNodes(2, framework, routes, closing, { onNotice: () => undefined, ...options })) as [Node, Node];
  }

  /** A visitor whose session both nodes hold, and who remembers nothing of it. */
  async function visitorOf(nodes: readonly [Node, Node]): Promise<Traveller> {
    const visitor = new Traveller();
    await visitor.send(nodes[0], "/write?a=1");
    await eventually(async () => expect(await visitor.json(nodes[1], "/read")).toEqual({ a: "1" }));
    for (const name of visitor.slots) visitor.jar.delete(name);
    return visitor;
  }

  beforeEach(() => {
    gates = [new Gate(), new Gate()];
  });

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test("[RW6] a request waits for what its browser has seen; one that has seen nothing does not", async () => {
    const nodes = await start(PATIENT);
    const [left, right] = nodes;
    const visitor = await visitorOf(nodes);
    const forgetful = visitor.fork();
    left.link.hold();
    await visitor.send(left, "/write?b=2");
    expect(visitor.slots).toEqual(["sid-0"]);
    expect(await forgetful.json(right, "/read")).toEqual({ a: "1" });
    const arrived = once(right.server, "request");
    const reading = visitor.json(right, "/read");
    await arrived;
    left.link.release();
    expect(await reading).toEqual({ a: "1", b: "2" });
    expect(right.events.filter(({ type }) => type === "lost-write")).toEqual([]);
  });

  test("[RW6] so does the first request after a session began, on a node that never heard of it", async () => {
    const [left, right] = await start(PATIENT);
    const visitor = new Traveller();
    left.link.hold();
    await visitor.send(left, "/write?a=1");
    const forgetful = visitor.fork();
    for (const name of forgetful.slots) forgetful.jar.delete(name);
    expect(await forgetful.json(right, "/read")).toEqual({});
    const answered = right.link.answer();
    const reading = visitor.json(right, "/read");
    // That there is none, as far as the relay knows.
    await answered;
    left.link.release();
    expect(await reading).toEqual({ a: "1" });
  });

  test("[RW6] also where the relay began a moment ago, and cannot know whether there is such a session", async () => {
    const [left, right] = await start({ ...PATIENT, isRelayYoung: true });
    const visitor = new Traveller();
    left.link.hold();
    await visitor.send(left, "/write?a=1");
    const answered = right.link.answer();
    const reading = visitor.json(right, "/read");
    await answered;
    left.link.release();
    expect(await reading).toEqual({ a: "1" });
  });

  test("[RW7] overlapping responses of two nodes keep what both wrote, until each has been seen", async () => {
    const nodes = await start(PATIENT);
    const [left, right] = nodes;
    const visitor = await visitorOf(nodes);
    const [one, other] = [visitor.send(left, "/slow?b=2&gate=0"), visitor.send(right, "/slow?c=3&gate=1")];
    await Promise.all(gates.map((gate) => gate.reached));
    left.link.hold();
    right.link.hold();
    for (const gate of gates) gate.open();
    const responses = await Promise.all([one, other]);
    expect(responses.map((response) => [...cookiesOf(response).keys()])).toEqual([["sid-0"], ["sid-1"]]);
    expect(visitor.slots).toEqual(["sid-0", "sid-1"]);
    const arrived = Promise.all([once(left.server, "request"), once(right.server, "request")]);
    const readings = Promise.all([visitor.json(left, "/read"), visitor.json(right, "/read")]);
    await arrived;
    left.link.release();
    right.link.release();
    for (const read of await readings) expect(read).toMatchObject({ a: "1", b: "2", c: "3" });
  });

  test("[RW9] what cannot be had in time is counted and taken back; nobody waits for it again", async () => {
    const nodes = await start();
    const [left, right] = nodes;
    const lost = (): number => right.events.filter(({ type }) => type === "lost-write").length;
    const visitor = await visitorOf(nodes);
    await visitor.send(right, "/write?mine=1");
    expect(visitor.slots).toEqual(["sid-1"]);
    await eventually(async () => expect(await visitor.fork().json(left, "/read")).toMatchObject({ mine: "1" }));
    left.link.hold();
    await visitor.send(left, "/write?b=2");
    expect(visitor.slots).toEqual(["sid-0", "sid-1"]);
    const response = await visitor.send(right, "/read");
    expect(await response.json()).toEqual({ a: "1", mine: "1" });
    expect(cookiesOf(response).get("sid-0")?.value).toBe("");
    expect(cookiesOf(response).get("sid-0")?.attributes).toContain("Max-Age=0");
    expect(lost()).toBe(1);
    // What this node itself wrote is here, and may be missing elsewhere.
    expect(visitor.slots).toEqual(["sid-1"]);
    expect(await visitor.json(right, "/read")).toEqual({ a: "1", mine: "1" });
    expect(lost()).toBe(1);
  });

  test.each([["/login?keep="], ["/login?keep=a,b"], ["/remember"]])(
    "[RW13] %s is refused where something that was written and answered elsewhere would be lost by it, and works once that is here",
    async (path) => {
      const nodes = await start();
      const [left, right] = nodes;
      const visitor = await visitorOf(nodes);
      left.link.hold();
      await visitor.send(left, "/write?b=2");
      const jar = new Map(visitor.jar);
      for (let round = 0; round < 2; round += 1) {
        expect((await visitor.send(right, path)).status).toBe(503);
        // It keeps its session, and what it has seen: so the next try is refused as well.
        expect([...visitor.jar.keys()]).toEqual([...jar.keys()]);
        expect(visitor.jar.get("sid-0")).toBe(jar.get("sid-0"));
      }
      left.link.release();
      await eventually(async () => expect((await visitor.send(right, path)).status).toBe(200));
      expect(await visitor.json(right, "/read")).toMatchObject({ a: "1", b: "2" });
    },
  );

  test("[RW13] what takes nothing over goes on: a login with nothing kept, and a logout", async () => {
    const nodes = await start();
    const [left, right] = nodes;
    const visitor = await visitorOf(nodes);
    left.link.hold();
    await visitor.send(left, "/write?b=2");
    const other = visitor.fork();
    expect(await visitor.json(right, "/login")).toEqual({ user: "ada" });
    expect((await other.send(right, "/logout")).status).toBe(200);
  });

  test("[RW9] [RW6] nor for a session that nobody has", async () => {
    const [left, right] = await start();
    const lost = (): number => right.events.filter(({ type }) => type === "lost-write").length;
    const visitor = new Traveller();
    left.link.hold();
    await visitor.send(left, "/write?a=1");
    const response = await visitor.send(right, "/ignore");
    expect([...cookiesOf(response)]).toMatchObject([["sid-0", { value: "" }]]);
    expect(lost()).toBe(1);
    expect(await visitor.json(right, "/read")).toEqual({});
    expect(lost()).toBe(1);
  });

  test("[RW10] a client without cookies gives back what it got last, in a header", async () => {
    const [left, right] = await start({ ...PATIENT, resolver: header() });
    const begun = await fetch(`${left.url}/write?a=1`, { headers: { "session-id": "new" } });
    const id = { "session-id": begun.headers.get("session-id") ?? "" };
    const read = async (headers: Record<string, string>): Promise<unknown> => (await fetch(`${right.url}/read`, { headers })).json();
    await eventually(async () => expect(await read(id)).toEqual({ a: "1" }));
    left.link.hold();
    const written = await fetch(`${left.url}/write?b=2`, { headers: id });
    const seen = { "session-seen": written.headers.get("session-seen") ?? "" };
    expect(await read(id)).toEqual({ a: "1" });
    const arrived = once(right.server, "request");
    const reading = read({ ...id, ...seen });
    await arrived;
    left.link.release();
    expect(await reading).toEqual({ a: "1", b: "2" });
  });

  test("[RW6] so does a socket, whose request has no response", async () => {
    const nodes = await start(PATIENT);
    const [left, right] = nodes;
    const visitor = await visitorOf(nodes);
    const sessions = expressSession({ secret: SECRET, engine: right.engine, onNotice: () => undefined });
    const requestOf = (cookies: ReadonlyMap<string, string>): IncomingMessage => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      return { headers: { cookie, host: "localhost" }, socket: { remoteAddress: "127.0.0.1" } } as unknown as IncomingMessage;
    };
    left.link.hold();
    await visitor.send(left, "/write?b=2");
    const forgetful = new Map([["sid", visitor.jar.get("sid") ?? ""]]);
    expect((await sessions.open(requestOf(forgetful)))?.data()).toEqual({ a: "1" });
    const opening = sessions.open(requestOf(visitor.jar));
    left.link.release();
    expect((await opening)?.data()).toEqual({ a: "1", b: "2" });
  });
});
