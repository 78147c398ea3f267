import { beforeEach, describe, expect, test } from "vitest";
import type { Connection, ConnectionListener } from "../../src/sync/transport.ts";
import { runContract, transportContract, type TransportPlace } from "../../src/testing/index.ts";
import { Dice } from "./dice.ts";
import type { Life } from "./machine.ts";
import { Machine } from "./machine.ts";
import { FINE, Network } from "./network.ts";
import { Timeline } from "./timeline.ts";

const ADDRESS = "ws://server/";

/** One side of a connection, and all that it heard. */
class Side implements ConnectionListener {
  readonly heard: string[] = [];
  connection: Connection | undefined;

  onOpen(): void {
    this.heard.push("open");
  }

  onMessage(bytes: Uint8Array | undefined): void {
    this.heard.push(bytes === undefined ? "text" : String(bytes[0]));
  }

  onDrain(): void {
    this.heard.push("drain");
  }

  onClose(code: number | undefined): void {
    this.heard.push(`closed ${code}`);
  }

  get messages(): number[] {
    return this.heard.filter((what) => /^\d+$/.test(what)).map(Number);
  }

  send(...numbers: readonly number[]): void {
    for (const number of numbers) this.connection?.send(Uint8Array.of(number));
  }
}

let timeline: Timeline;
let network: Network;
let client: Machine;
let server: Machine;
let clientLife: Life;
let serverLife: Life;
let near: Side;
let far: Side;

/** A connection that is open on both sides. */
async function connect(): Promise<void> {
  near = new Side();
  far = new Side();
  const answering = far;
  network.listen(ADDRESS, serverLife, (accept) => (answering.connection = accept(answering)));
  near.connection = network.dial(clientLife)(ADDRESS, near);
  expect(near.heard).toEqual([]);
  await timeline.runFor(20);
  expect(near.heard).toEqual(["open"]);
  expect(far.connection?.isOpen).toBe(true);
}

beforeEach(() => {
  timeline = new Timeline();
  const dice = new Dice(7);
  network = new Network(timeline, dice);
  client = new Machine("client", timeline, dice);
  server = new Machine("server", timeline, dice);
  network.place(ADDRESS, server);
  clientLife = client.begin(() => network.bury(clientLife, "killed"));
  serverLife = server.begin(() => network.bury(serverLife, "killed"));
});

/** The network as it is between two machines when nothing is wrong. Its time passes when a case lets it. */
async function fineNetwork(): Promise<TransportPlace> {
  const time = new Timeline();
  const fine = new Network(time, new Dice(3));
  const [dialing, listening] = ["dialing", "listening"].map((name) => new Machine(name, time, new Dice(3))) as [Machine, Machine];
  const nowhere = "ws://nowhere/";
  for (const address of [ADDRESS, nowhere]) fine.place(address, listening);
  const life = listening.begin(() => undefined);
  return {
    address: ADDRESS,
    nowhere,
    dial: fine.dial(dialing.begin(() => undefined)),
    listen: (onConnection) => fine.listen(ADDRESS, life, onConnection),
    pass: (ms) => time.runFor(ms),
    close: async () => undefined,
  };
}

runContract(transportContract({ name: "the network of the simulation", open: fineNetwork }), { describe, test });

describe("the network of the simulation", () => {
  test("[TR1] messages come whole, once and in order, however the way shakes", async () => {
    await connect();
    network.change(client, server, { delayMs: 5, jitterMs: 200 });
    const sent = Array.from({ length: 100 }, (_, index) => index);
    near.send(...sent);
    await timeline.runFor(1_000);
    expect(far.messages).toEqual(sent);
  });

  test("[TR1] of what was on the way when a connection is lost the beginning has come, and nothing after it", async () => {
    for (let seed = 1; seed < 50; seed++) {
      await connect();
      network.change(client, server, { delayMs: 1, jitterMs: 0, bytesPerMs: 1 });
      near.send(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
      await timeline.runFor(seed / 5);
      network.reset(client, server, [server]);
      await timeline.runFor(1_000);
      expect(far.messages).toEqual(Array.from({ length: far.messages.length }, (_, index) => index));
      expect(near.heard.filter((what) => what.startsWith("closed"))).toEqual([]);
      network.change(client, server, FINE);
    }
  });

  test("[TR1] what waits at a cut comes when the cut ends", async () => {
    await connect();
    network.change(client, server, { isCut: true });
    near.send(1, 2);
    far.send(9);
    await timeline.runFor(60_000);
    expect([far.messages, near.messages]).toEqual([[], [9]]);
    network.heal();
    await timeline.runFor(10);
    expect(far.messages).toEqual([1, 2]);
  });

  test("[TR1] bytes that the sender changes afterwards come as they were", async () => {
    await connect();
    const bytes = Uint8Array.of(1);
    near.connection?.send(bytes);
    bytes[0] = 2;
    await timeline.runFor(20);
    expect(far.messages).toEqual([1]);
  });

  test("[TR2] sending on what is not open does nothing", async () => {
    const side = new Side();
    side.connection = network.dial(clientLife)(ADDRESS, side);
    side.send(1);
    await timeline.runFor(20);
    expect(side.heard).toEqual(["closed 1006"]);
    side.send(2);
    await timeline.runFor(20);
    expect(side.heard).toEqual(["closed 1006"]);
  });

  test("[TR3] whoever closes, both sides hear it once, and nothing after it", async () => {
    for (const how of ["close", "cut"] as const) {
      await connect();
      near.send(1);
      far.send(8);
      if (how === "close") near.connection?.close(4000);
      else near.connection?.cut();
      far.send(9);
      await timeline.runFor(5_000);
      near.connection?.cut();
      far.connection?.close(4001);
      await timeline.runFor(5_000);
      expect(near.messages).toEqual([]);
      expect(near.heard.filter((what) => what.startsWith("closed"))).toHaveLength(1);
      expect(far.heard.filter((what) => what.startsWith("closed"))).toHaveLength(1);
      expect(far.heard.at(-1)).toBe(how === "close" ? "closed 4000" : "closed 1006");
      if (how === "close") expect(far.messages).toEqual([1]);
    }
  });

  test("[TR3] a peer that does not answer a close is cut off after a second", async () => {
    await connect();
    network.change(client, server, { isCut: true });
    near.connection?.close(4000);
    await timeline.runFor(999);
    expect(near.heard).toEqual(["open"]);
    await timeline.runFor(5);
    expect(near.heard).toEqual(["open", "closed 1006"]);
  });

  test("[TR4] what the peer has not taken is counted, and whenever it shrinks that is told", async () => {
    await connect();
    far.connection?.pause();
    near.send(1, 2, 3);
    await timeline.runFor(1_000);
    expect([near.connection?.queuedBytes, far.messages]).toEqual([3, []]);
    far.connection?.resume();
    await timeline.runFor(10);
    expect([near.connection?.queuedBytes, far.messages]).toEqual([0, [1, 2, 3]]);
    expect(near.heard.filter((what) => what === "drain")).toHaveLength(3);
  });

  test("a process that is killed is missed at once; one that vanished with its machine, when that is back", async () => {
    await connect();
    serverLife.die();
    await timeline.runFor(10);
    expect(near.heard.at(-1)).toBe("closed 1006");

    serverLife = server.begin(() => network.bury(serverLife, "vanished"));
    await connect();
    serverLife.die();
    near.send(1);
    await timeline.runFor(60_000);
    expect(near.heard).toEqual(["open"]);
    serverLife = server.begin(() => undefined);
    network.returned(server);
    await timeline.runFor(10);
    expect(near.heard).toEqual(["open", "closed 1006"]);
  });

  test("what comes to a machine that stands still comes when it goes on", async () => {
    await connect();
    server.suspend();
    near.send(1);
    await timeline.runFor(5_000);
    expect(far.messages).toEqual([]);
    server.resume();
    network.wake();
    await timeline.runFor(10);
    expect(far.messages).toEqual([1]);
  });

  test("wild frames are lost, doubled and mixed up, and counted", async () => {
    await connect();
    network.change(client, server, { drop: 0.2, duplicate: 0.2, reorder: 0.2 });
    const sent = Array.from({ length: 100 }, (_, index) => index);
    near.send(...sent);
    await timeline.runFor(1_000);
    const { dropped, duplicated, reordered } = network.counts;
    expect(Math.min(dropped, duplicated, reordered)).toBeGreaterThan(5);
    expect(far.messages).toHaveLength(100 - dropped + duplicated);
    expect(far.messages).not.toEqual([...far.messages].sort((left, right) => left - right));
  });
});
