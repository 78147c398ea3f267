import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { io, type Socket } from "socket.io-client";
import { WebSocket } from "ws";
import { CookieJar } from "../../examples/demo/drill/cookie-jar.ts";
import { eventually } from "../support/eventually.ts";
import { startProcess, type TestProcess } from "../support/process.ts";

const running: TestProcess[] = [];
const folders: string[] = [];
const sockets: WebSocket[] = [];
const clients: Socket[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  for (const socket of sockets.splice(0)) socket.terminate();
  for (const each of running.splice(0)) await each.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function start(name: string, environment: Record<string, string> = {}): Promise<{ url: string; process: TestProcess }> {
  const example = startProcess("examples/run.ts", [name], { PORT: "0", ...environment });
  running.push(example);
  const [, url = ""] = await example.waitForLine(/^Open (\S+)$/);
  return { url, process: example };
}

/** A browser without script: keeps its cookie, follows no redirect by itself. */
class Visitor {
  cookie = "";

  async send(url: string, form?: Record<string, string>): Promise<{ status: number; text: string; location: string | null }> {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: this.cookie },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const header of response.headers.getSetCookie()) this.cookie = header.split(";")[0] ?? "";
    return { status: response.status, text: await response.text(), location: response.headers.get("location") };
  }

  /** Sends the page's form with its CSRF token, and follows the redirect. */
  async post(url: string, path: string, fields: Record<string, string> = {}): Promise<string> {
    const [, token = ""] = /name="token" value="([^"]+)"/.exec((await this.send(url)).text) ?? [];
    const { status, text } = await this.send(`${url}${path}`, { token, ...fields });
    if (status !== 302) throw new Error(`${path} was answered with ${status}: ${text}`);
    return (await this.send(url)).text;
  }
}

describe("the login example", () => {
  const ANN = { username: "ann", password: "wonderland" };

  test("[X9] logs in and out with passport, flashes once, refuses a form without its token, and changes the id at login", async () => {
    const { url } = await start("login");
    const ann = new Visitor();
    expect(await ann.post(url, "login", { ...ANN, password: "wrong" })).toContain("Wrong name or password.");
    const before = ann.cookie;
    const home = await ann.post(url, "login", ANN);
    expect(home).toContain("Hello, <b>ann</b>");
    expect(home).toContain("You are logged in.");
    expect(ann.cookie).not.toBe(before);
    expect((await ann.send(url)).text).not.toContain("You are logged in.");
    expect((await ann.send(`${url}logout`, {})).status).toBe(403);
    const thief = new Visitor();
    thief.cookie = before;
    expect((await thief.send(url)).text).not.toContain("Hello");
    expect(await ann.post(url, "logout")).toContain("You are logged out.");
    expect((await ann.send(url)).text).not.toContain("Hello");
  });

  test("[X9] whoever was logged in still is after kill -9; whoever logged out on all devices is out on all", async () => {
    const folder = mkdtempSync(join(tmpdir(), "login-example-"));
    folders.push(folder);
    const [laptop, phone] = [new Visitor(), new Visitor()];
    let { url, process: app } = await start("login", { SESSION_FOLDER: folder });
    for (const device of [laptop, phone]) expect(await device.post(url, "login", ANN)).toContain("Hello, <b>ann</b>");
    app.signal("SIGKILL");
    await app.ended();
    ({ url, process: app } = await start("login", { SESSION_FOLDER: folder }));
    for (const device of [laptop, phone]) expect((await device.send(url)).text).toContain("Hello, <b>ann</b>");
    await laptop.post(url, "logout-everywhere");
    app.signal("SIGKILL");
    await app.ended();
    ({ url } = await start("login", { SESSION_FOLDER: folder }));
    for (const device of [laptop, phone]) expect((await device.send(url)).text).not.toContain("Hello");
    expect(await phone.post(url, "login", ANN)).toContain("Hello, <b>ann</b>");
  });
});

test("[X9] [ST10] two processes on one folder serve one session: a login in one is seen by the other at once, and so is the logout", async () => {
  const folder = mkdtempSync(join(tmpdir(), "login-example-"));
  folders.push(folder);
  const [one, two] = [await start("login", { SESSION_FOLDER: folder }), await start("login", { SESSION_FOLDER: folder })];
  const ann = new Visitor();
  for (let round = 0; round < 3; round++) {
    await ann.post(one.url, "login", { username: "ann", password: "wonderland" });
    expect((await ann.send(two.url)).text).toContain("Hello, <b>ann</b>");
    expect((await ann.send(one.url)).text).toContain("Hello, <b>ann</b>");
    await ann.post(two.url, "logout");
    expect((await ann.send(one.url)).text).not.toContain("Hello");
  }
});

test("[X20] the shortest deployment counts every visit on two nodes, and goes on when one of them is killed", async () => {
  const { url, process: example } = await start("two-nodes-one-relay");
  await eventually(() => expect(example.lines.filter((line) => line.startsWith("Open "))).toHaveLength(2), 20_000);
  const jar = new CookieJar();
  const visit = async (): Promise<{ visit: number; pid: number }> => {
    const response = await fetch(url, { headers: { cookie: jar.header(), connection: "close" }, signal: AbortSignal.timeout(5_000) });
    jar.take(response.headers.getSetCookie());
    const [, count, pid] = /^visit (\d+), answered by process (\d+)$/m.exec(await response.text()) ?? [];
    return { visit: Number(count), pid: Number(pid) };
  };
  const pids = new Set<number>();
  let count = 0;
  for (; count < 4 || pids.size < 2; count += 1) {
    if (count > 200) throw new Error("one node answers all requests");
    const answer = await visit();
    expect(answer.visit).toBe(count + 1);
    pids.add(answer.pid);
  }
  const [killed = 0] = pids;
  process.kill(killed, "SIGKILL");
  // What it was just asked may break; nothing that was answered is lost.
  await eventually(async () => {
    const answer = await visit();
    expect(answer.visit).toBeGreaterThan(count);
    expect(answer.pid).not.toBe(killed);
  });
});

test("[X9] the flash example shows its note once, on the page after the redirect", async () => {
  const { url } = await start("flash");
  const guest = new Visitor();
  expect(await guest.send(url, { name: "<Zoe>" })).toMatchObject({ status: 302, location: "/" });
  expect((await guest.send(url)).text).toContain("Thank you, &lt;Zoe&gt;.");
  expect((await guest.send(url)).text).not.toContain("Thank you");
});

test("[X9] the form example keeps what was typed wrong, and shows each note once, on the page after the redirect", async () => {
  const { url } = await start("form");
  const guest = new Visitor();
  expect((await guest.send(url)).text).toContain('value=""');
  expect(await guest.send(url, { name: "<Zoe>", seats: "9" })).toMatchObject({ status: 303, location: "/" });
  const again = (await guest.send(url)).text;
  expect(again).toContain("1 to 8 seats");
  expect(again).toContain('value="&lt;Zoe&gt;"');
  expect((await guest.send(url)).text).not.toContain("1 to 8 seats");
  await guest.send(url, { name: "<Zoe>", seats: "2" });
  const booked = (await guest.send(url)).text;
  expect(booked).toContain("2 booked, &lt;Zoe&gt;.");
  expect(booked).not.toContain('value="&lt;Zoe&gt;"');
  expect((await guest.send(url)).text).not.toContain("booked");
});

describe("the chat example", () => {
  interface Seat {
    readonly heard: { type: string; name: string; text?: string }[];
    readonly socket: WebSocket;
    readonly closed: Promise<number>;
  }

  function sit(url: string, cookie: string, origin = new URL(url).origin): Seat {
    const socket = new WebSocket(url.replace(/^http/, "ws"), { headers: { cookie, origin } });
    sockets.push(socket);
    const heard: Seat["heard"] = [];
    socket.on("message", (data: Buffer) => heard.push(JSON.parse(data.toString()) as Seat["heard"][number]));
    socket.on("error", () => undefined);
    return { heard, socket, closed: new Promise((resolve) => socket.on("close", resolve)) };
  }

  test("[X9] a socket sees the name that another tab writes, and is closed when the session ends", async () => {
    const { url } = await start("chat");
    const [ann, bob] = [new Visitor(), new Visitor()];
    for (const each of [ann, bob]) await each.send(url);
    const [seat, other] = [sit(url, ann.cookie), sit(url, bob.cookie)];
    await expect.poll(() => [seat.heard.length, other.heard.length]).toEqual([1, 1]);
    await ann.send(`${url}name`, { name: "Ann" });
    await expect.poll(() => seat.heard.at(-1)).toEqual({ type: "you", name: "Ann" });
    seat.socket.send("hello");
    await expect.poll(() => other.heard.at(-1)).toEqual({ type: "said", name: "Ann", text: "hello" });
    await ann.send(`${url}leave`, {});
    expect(await seat.closed).toBe(4401);
    expect(other.socket.readyState).toBe(WebSocket.OPEN);
  });

  test("[X9] nobody sits down without a session, or from another site's page", async () => {
    const { url } = await start("chat");
    const ann = new Visitor();
    await ann.send(url);
    expect(await sit(url, "").closed).toBe(1006);
    expect(await sit(url, ann.cookie, "http://evil.example").closed).toBe(1006);
  });
});

describe("the shop example", () => {
  test("[X9] what two tabs add at the same time is all in the cart, and forgetting a visitor empties it", async () => {
    const { url } = await start("shop");
    const ann = new Visitor();
    await ann.send(`${url}add`, { product: "cup" });
    await Promise.all(["cup", "cup", "kettle", "teapot"].map((product) => ann.send(`${url}add`, { product })));
    const { text } = await ann.send(url);
    for (const line of ["3 × cup", "1 × kettle", "1 × teapot"]) expect(text).toContain(line);
    await ann.send(`${url}remove`, { product: "cup" });
    expect((await ann.send(url)).text).not.toContain("× cup");
    const { cookie } = ann;
    await ann.send(`${url}leave`, {});
    ann.cookie = cookie;
    expect((await ann.send(url)).text).toContain("It is empty.");
  });

  test("[X9] an order goes out once, however often the button is pressed", async () => {
    const { url } = await start("shop");
    const ann = new Visitor();
    await ann.send(`${url}add`, { product: "cup" });
    const pressed = await Promise.all(Array.from({ length: 5 }, () => ann.send(`${url}order`, { number: "0" })));
    expect(pressed.map(({ status, location }) => [status, location])).toEqual(Array.from({ length: 5 }, () => [302, "/"]));
    const { text } = await ann.send(url);
    expect(text).toContain("1 orders so far.");
    expect(text).toContain("Thank you");
    expect((await ann.send(url)).text).not.toContain("Thank you");
  });
});

describe("the socket.io example", () => {
  function connect(url: string, cookie: string, headers: Record<string, string> = {}): Socket {
    const client = io(url, { extraHeaders: { cookie, ...headers }, transports: ["websocket"], reconnection: false });
    clients.push(client);
    return client;
  }

  test("[X9] a socket sees the name that another tab writes, keeps its session, and is closed when that ends", async () => {
    const { url } = await start("socket.io");
    const ann = new Visitor();
    await ann.send(url);
    const client = connect(url, ann.cookie);
    const names: string[] = [];
    const said: string[][] = [];
    client.on("you", (name: string) => names.push(name));
    client.on("said", (...line: string[]) => said.push(line));
    await expect.poll(() => names).toEqual([expect.stringMatching(/^guest [\w-]{4}$/)]);
    await ann.send(`${url}name?name=Ann`, {});
    await expect.poll(() => names.at(-1)).toBe("Ann");
    client.emit("say", "hello");
    await expect.poll(() => said).toEqual([["Ann", "hello"]]);
    const closed = new Promise((resolve) => client.on("disconnect", resolve));
    await ann.send(`${url}leave`, {});
    expect(await closed).toBe("io server disconnect");
  });

  test("[X9] nobody connects without a session, or from another site's page", async () => {
    const { url } = await start("socket.io");
    const ann = new Visitor();
    await ann.send(url);
    const refusal = (client: Socket): Promise<unknown> => new Promise((resolve) => client.on("connect_error", resolve));
    expect(await refusal(connect(url, ""))).toMatchObject({ message: "no session" });
    await refusal(connect(url, ann.cookie, { origin: "http://evil.example" }));
  });
});
