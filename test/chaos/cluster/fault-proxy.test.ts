import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { seededRandom } from "../../support/manual-runtime.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

interface End {
  readonly socket: Socket;
  readonly text: () => string;
  readonly events: string[];
}

function observe(socket: Socket): End {
  let text = "";
  const events: string[] = [];
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  socket.on("end", () => events.push("end"));
  socket.on("error", (error: NodeJS.ErrnoException) => events.push(error.code ?? "error"));
  socket.on("close", () => events.push("close"));
  return { socket, text: () => text, events };
}

/** A client and a server that are connected through a proxy. */
async function line(): Promise<{ proxy: FaultProxy; client: End; server: End }> {
  const accepted: Socket[] = [];
  const target: Server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(socket));
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  open.push(() => new Promise((resolve) => target.close(() => resolve())));
  const proxy = await FaultProxy.start({ host: "127.0.0.1", port: (target.address() as AddressInfo).port }, seededRandom(1));
  open.push(() => proxy.close());
  const client = observe(connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true }));
  open.push(async () => void client.socket.destroy());
  const server = await eventually(() => {
    const [socket] = accepted;
    if (socket === undefined) throw new Error("nobody connected yet");
    return observe(socket);
  });
  open.push(async () => void server.socket.destroy());
  return { proxy, client, server };
}

async function passes(from: End, to: End, text: string): Promise<number> {
  const beganAtMs = performance.now();
  from.socket.write(text);
  await eventually(() => expect(to.text()).toContain(text));
  return performance.now() - beganAtMs;
}

describe("the fault proxy", () => {
  it("passes bytes on in both directions, in order, whatever their number", async () => {
    const { client, server } = await line();
    await passes(client, server, "up");
    await passes(server, client, "down");
    const big = Array.from({ length: 200_000 }, (_, index) => `${index},`).join("");
    await passes(client, server, big);
    expect(server.text()).toBe(`up${big}`);
  });

  it("delays, and keeps the order where the delay varies", async () => {
    const { proxy, client, server } = await line();
    proxy.setWeather({ delayMs: 80, jitterMs: 40 });
    for (let index = 0; index < 20; index += 1) {
      client.socket.write(`${index} `);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const whole = Array.from({ length: 20 }, (_, index) => `${index} `).join("");
    expect(await passes(client, server, "!")).toBeGreaterThan(35);
    expect(server.text()).toBe(`${whole}!`);
  });

  it("throttles", async () => {
    const { proxy, client, server } = await line();
    proxy.setWeather({ bytesPerSecond: 100_000 });
    expect(await passes(client, server, "x".repeat(30_000))).toBeGreaterThan(250);
  });

  it.each(["up", "down", "both"] as const)("stalls %s without closing, and gives what waited when it goes on", async (stalled) => {
    const { proxy, client, server } = await line();
    await passes(client, server, "before");
    proxy.setWeather({ stalled });
    client.socket.write("from client");
    server.socket.write("from server");
    if (stalled === "up") await eventually(() => expect(client.text()).toBe("from server"));
    if (stalled === "down") await eventually(() => expect(server.text()).toBe("beforefrom client"));
    // The other direction was proven open above, or, for both, a second line shows that time passed.
    if (stalled === "both") await passesElsewhere();
    if (stalled !== "down") expect(server.text()).toBe("before");
    if (stalled !== "up") expect(client.text()).toBe("");
    expect([...client.events, ...server.events]).toEqual([]);
    proxy.setWeather({});
    await eventually(() => expect([client.text(), server.text()]).toEqual(["from server", "beforefrom client"]));
  });

  it("resets both ends", async () => {
    const { proxy, client, server } = await line();
    await passes(client, server, "x");
    proxy.reset();
    await eventually(() => {
      expect(client.events).toEqual(["ECONNRESET", "close"]);
      expect(server.events).toEqual(["ECONNRESET", "close"]);
    });
    await eventually(() => expect(proxy.connectionCount).toBe(0));
  });

  it("closes one half, and passes on in the other", async () => {
    const { proxy, client, server } = await line();
    await passes(server, client, "x");
    proxy.halfClose();
    await eventually(() => expect(client.events).toEqual(["end"]));
    await passes(client, server, "still");
    expect(server.events).toEqual([]);
  });

  it("breaks after so many bytes", async () => {
    const { proxy, client, server } = await line();
    proxy.cutAfter(5);
    client.socket.write("0123456789");
    await eventually(() => expect(server.events).toContain("end"));
    expect(server.text()).toBe("01234");
    await eventually(() => expect(client.events).not.toEqual([]));
    await eventually(() => expect(proxy.connectionCount).toBe(0));
  });

  it("passes on that one side ended, with what it sent before", async () => {
    const { client, server } = await line();
    client.socket.end("last words");
    await eventually(() => expect([server.text(), ...server.events]).toEqual(["last words", "end"]));
    await passes(server, client, "answer");
  });
});

/** A round trip over a line of its own: long enough for anything that would have passed to have passed. */
async function passesElsewhere(): Promise<void> {
  const { client, server } = await line();
  for (let index = 0; index < 10; index += 1) {
    await passes(client, server, `there ${index}`);
    await passes(server, client, `back ${index}`);
  }
}
