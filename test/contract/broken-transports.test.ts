import { expect, test } from "vitest";
import type { Accept, Connection, ConnectionListener, Dial } from "../../src/sync/index.ts";
import { transportContract, type TransportPlace } from "../../src/testing/index.ts";
import { Dice } from "../simulation/dice.ts";
import { Machine } from "../simulation/machine.ts";
import { Network, type Path } from "../simulation/network.ts";
import { Timeline } from "../simulation/timeline.ts";

/** What is wrong: the way itself, what a side hears, or what a connection does. */
interface Fault {
  readonly path?: Partial<Path>;
  readonly listener?: (listener: ConnectionListener) => ConnectionListener;
  readonly connection?: (connection: Connection) => Connection;
}

function broken({ path, listener = (each) => each, connection = (each) => each }: Fault): () => Promise<TransportPlace> {
  return async () => {
    const timeline = new Timeline();
    const network = new Network(timeline, new Dice(5));
    const near = new Machine("near", timeline, new Dice(5));
    const far = new Machine("far", timeline, new Dice(5));
    for (const address of ["ws://far/", "ws://nowhere/"]) network.place(address, far);
    if (path !== undefined) network.change(near, far, path);
    const life = far.begin(() => undefined);
    const dial = network.dial(near.begin(() => undefined));
    const wrongDial: Dial = (address, heard) => connection(dial(address, listener(heard)));
    return {
      address: "ws://far/",
      nowhere: "ws://nowhere/",
      dial: wrongDial,
      listen: (onConnection) =>
        network.listen("ws://far/", life, (accept) => {
          const wrongAccept: Accept = (heard) => connection(accept(listener(heard)));
          onConnection(wrongAccept);
        }),
      pass: (ms) => timeline.runFor(ms),
      close: async () => undefined,
    };
  };
}

/** A connection that differs from `connection` in some calls. */
function but(connection: Connection, other: Partial<Connection>): Connection {
  return {
    get isOpen() {
      return connection.isOpen;
    },
    get queuedBytes() {
      return connection.queuedBytes;
    },
    send: (bytes) => connection.send(bytes),
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    close: (code) => connection.close(code),
    cut: () => connection.cut(),
    ...other,
  };
}

const heardBy = (listener: ConnectionListener, other: Partial<ConnectionListener>): ConnectionListener => ({
  onOpen: () => listener.onOpen(),
  onMessage: (bytes) => listener.onMessage(bytes),
  onDrain: () => listener.onDrain(),
  onClose: (code) => listener.onClose(code),
  ...other,
});

test.each<[string, Fault, string]>([
  ["loses messages", { path: { drop: 0.01 } }, "TR1"],
  ["doubles messages", { path: { duplicate: 0.01 } }, "TR1"],
  ["mixes messages up", { path: { reorder: 0.05 } }, "TR1"],
  ["does not stop reading", { connection: (each) => but(each, { pause: () => undefined }) }, "TR1"],
  [
    "throws where nothing is open",
    {
      connection: (each) =>
        but(each, {
          send: (bytes) => {
            if (!each.isOpen) throw new Error("not open");
            each.send(bytes);
          },
        }),
    },
    "TR2",
  ],
  [
    "says twice that it is over",
    {
      listener: (each) =>
        heardBy(each, {
          onClose: (code) => {
            each.onClose(code);
            each.onClose(code);
          },
        }),
    },
    "TR3",
  ],
  ["never says that it is over", { listener: (each) => heardBy(each, { onClose: () => undefined }) }, "TR3"],
  ["does not say why it closed", { connection: (each) => but(each, { close: () => each.cut() }) }, "TR3"],
  ["counts nothing that waits", { connection: (each) => but(each, { ...each, queuedBytes: 0 }) }, "TR4"],
  ["does not tell that the queue shrank", { listener: (each) => heardBy(each, { onDrain: () => undefined }) }, "TR4"],
])("[T3] a transport that %s fails the contract", async (_what, fault, law) => {
  const { cases } = transportContract({ name: "broken", open: broken(fault) });
  const ofLaw = cases.filter(({ name }) => name.startsWith(`[${law}]`));
  const outcomes = await Promise.allSettled(ofLaw.map((each) => each.run()));
  expect(outcomes.map(({ status }) => status)).toContain("rejected");
});
