import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Contract } from "../contract-case.ts";
import { Side, type TransportPlace, type TransportUnderTest } from "./transport-under-test.ts";

/** How long a case waits for what must come. */
const PATIENCE_MS = 10_000;
/** After so long nothing comes any more that was not to come: it was on its way already. */
const QUIET_MS = 100;
/** The same where a close may still be waiting for its answer: longer than the second after which a silent peer is cut off. */
const QUIET_AFTER_CLOSE_MS = 1_300;
const POLL_MS = 5;
/** More than the kernels of both sides take off a sender whose peer does not read. */
const FLOOD_COUNT = 64;
const FLOOD_BYTES = 512 * 1024;

/** One connection between two sides, in a place of its own. */
class Meeting {
  readonly near = new Side();
  readonly far = new Side();
  readonly place: TransportPlace;

  constructor(place: TransportPlace) {
    this.place = place;
    place.listen((accept) => {
      this.far.connection = accept(this.far);
      strictEqual(this.far.heard.length, 0, "the listener was called from within accept");
    });
  }

  /** Open on both sides. */
  async connect(): Promise<void> {
    this.dial(this.place.address);
    await this.until(() => ok(this.near.heard.includes("open") && this.far.connection?.isOpen === true, "it does not open"));
  }

  dial(address: string): void {
    this.near.connection = this.place.dial(address, this.near);
    strictEqual(this.near.heard.length, 0, "the listener was called from within dial");
  }

  async pass(ms: number): Promise<void> {
    await (this.place.pass?.(ms) ?? new Promise<void>((resolve) => setTimeout(resolve, ms)));
  }

  /** Tries `check` until it no longer throws. */
  async until(check: () => void): Promise<void> {
    for (let passedMs = 0; ; passedMs += POLL_MS) {
      try {
        check();
        return;
      } catch (error) {
        if (passedMs >= PATIENCE_MS) throw error;
      }
      await this.pass(POLL_MS);
    }
  }

  /** Both hear once that it is over, and nothing after that. */
  async ended(sides: readonly Side[] = [this.near, this.far], quietMs = QUIET_MS): Promise<void> {
    for (const side of sides) await this.until(() => ok(side.ending.count > 0, "a side never hears that the connection is over"));
    for (const { connection } of sides) {
      connection?.cut();
      connection?.close(4001);
      connection?.send(Uint8Array.of(0, 0, 0, 99));
    }
    await this.pass(quietMs);
    for (const { ending, heard } of sides) deepStrictEqual(ending, { count: 1, isLast: true }, heard.slice(-5).join(", "));
  }
}

interface TransportCase {
  readonly name: string;
  readonly run: (meeting: Meeting) => Promise<void>;
}

const COUNT = 500;
const inOrder = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const CASES: readonly TransportCase[] = [
  {
    name: "[TR1] messages arrive whole, once and in order, both ways, whatever their size",
    run: async (meeting) => {
      await meeting.connect();
      const { near, far } = meeting;
      const lengthOf = (number: number): number => (number % 50 === 49 ? 300_000 : 4 + ((number * 37) % 2_000));
      for (const number of inOrder(COUNT)) {
        near.send(number, lengthOf(number));
        far.send(number, lengthOf(number + 7));
      }
      for (const [side, shift] of [
        [far, 0],
        [near, 7],
      ] as const) {
        await meeting.until(() => strictEqual(side.messages.length, COUNT));
        const expected = inOrder(COUNT).map((number) => ({ number, length: lengthOf(number + shift), isWhole: true }));
        deepStrictEqual(side.messages, expected);
      }
      await meeting.pass(50);
      deepStrictEqual([near.messages.length, far.messages.length], [COUNT, COUNT]);
    },
  },
  {
    name: "[TR1] of what was on the way when a side cuts the connection the beginning has come, and nothing after it",
    run: async (meeting) => {
      await meeting.connect();
      const { near, far } = meeting;
      for (const number of inOrder(COUNT)) near.send(number, 20_000);
      await meeting.until(() => ok(far.messages.length > 0));
      near.connection?.cut();
      await meeting.ended();
      deepStrictEqual(far.numbers, inOrder(far.messages.length));
      ok(far.messages.every(({ isWhole, length }) => isWhole && length === 20_000));
    },
  },
  {
    name: "[TR1] a side that stops reading gets nothing, and all of it when it goes on",
    run: async (meeting) => {
      await meeting.connect();
      const { near, far } = meeting;
      far.connection?.pause();
      for (const number of inOrder(20)) near.send(number);
      await meeting.pass(100);
      // What had been read already may still be handed over.
      const before = far.messages.length;
      await meeting.pass(100);
      strictEqual(far.messages.length, before);
      far.connection?.resume();
      await meeting.until(() => deepStrictEqual(far.numbers, inOrder(20)));
    },
  },
  {
    name: "[TR2] sending on what is not open yet, or not any more, does nothing and never throws",
    run: async (meeting) => {
      const { near, far } = meeting;
      meeting.dial(meeting.place.address);
      strictEqual(near.connection?.isOpen, false);
      near.send(77);
      await meeting.until(() => ok(near.heard.includes("open")));
      near.send(1);
      await meeting.until(() => deepStrictEqual(far.numbers, [1]));
      near.connection.close(4000);
      strictEqual(near.connection.isOpen, false);
      near.send(88);
      await meeting.ended();
      near.send(99);
      await meeting.pass(50);
      deepStrictEqual(far.numbers, [1]);
    },
  },
  {
    name: "[TR3] whoever closes, both hear it once, with the code, after all that was sent before, and nothing after it",
    run: async (meeting) => {
      await meeting.connect();
      const { near, far } = meeting;
      for (const number of inOrder(50)) near.send(number, 10_000);
      near.connection?.close(4000);
      far.send(5);
      await meeting.ended([near, far], QUIET_AFTER_CLOSE_MS);
      deepStrictEqual(far.numbers, inOrder(50));
      strictEqual(far.heard.at(-1), "closed 4000");
      deepStrictEqual(near.messages, [], "a message came after close was called here");
    },
  },
  {
    name: "[TR3] the same from the side that was dialed",
    run: async (meeting) => {
      await meeting.connect();
      const { near, far } = meeting;
      far.send(1);
      far.connection?.close(4002);
      near.send(5);
      await meeting.ended([near, far], QUIET_AFTER_CLOSE_MS);
      deepStrictEqual([near.numbers, near.heard.at(-1)], [[1], "closed 4002"]);
      deepStrictEqual(far.messages, [], "a message came after close was called here");
    },
  },
  {
    name: "[TR3] whoever cuts, both hear once that it is over, and no message comes after it here",
    run: async (meeting) => {
      await meeting.connect();
      const { near, far } = meeting;
      far.send(1);
      near.connection?.cut();
      await meeting.ended();
      deepStrictEqual(near.messages, []);
      strictEqual(far.connection?.isOpen, false);
    },
  },
  {
    name: "[TR3] where nobody listens it closes once, and was never open",
    run: async (meeting) => {
      const { near } = meeting;
      meeting.dial(meeting.place.nowhere);
      await meeting.ended([near]);
      deepStrictEqual(
        near.heard.filter((what) => !what.startsWith("closed")),
        [],
      );
    },
  },
  ...(["close", "cut"] as const).map((how) => ({
    name: `[TR3] ${how} while it is still dialing: over once, and never open`,
    run: async (meeting: Meeting) => {
      const { near } = meeting;
      meeting.dial(meeting.place.address);
      if (how === "close") near.connection?.close(4000);
      else near.connection?.cut();
      await meeting.ended([near]);
      deepStrictEqual(
        near.heard.filter((what) => !what.startsWith("closed")),
        [],
      );
    },
  })),
  {
    name: "[TR3] a peer that does not read, and so does not answer a close, is cut off after a second",
    run: async (meeting) => {
      await meeting.connect();
      const { near, far } = meeting;
      far.connection?.pause();
      for (const number of inOrder(FLOOD_COUNT)) near.send(number, FLOOD_BYTES);
      near.connection?.close(4000);
      await meeting.pass(500);
      strictEqual(near.ending.count, 0, "it did not wait for an answer");
      await meeting.until(() => strictEqual(near.ending.count, 1));
      far.connection?.resume();
      await meeting.ended();
      deepStrictEqual(far.numbers, inOrder(far.messages.length));
    },
  },
  {
    name: "[TR4] what the peer does not take is counted, and whenever it shrinks that is told, to nothing in the end",
    run: async (meeting) => {
      await meeting.connect();
      const { near, far } = meeting;
      strictEqual(near.connection?.queuedBytes, 0);
      far.connection?.pause();
      for (const number of inOrder(FLOOD_COUNT)) near.send(number, FLOOD_BYTES);
      await meeting.pass(500);
      const queued = near.connection.queuedBytes;
      ok(queued > 0, "a peer that reads nothing leaves nothing queued");
      await meeting.pass(200);
      ok(near.connection.queuedBytes <= queued, "the queue grew though nothing was sent");
      const drains = near.queuedAtDrains.length;
      far.connection?.resume();
      await meeting.until(() => strictEqual(far.messages.length, FLOOD_COUNT));
      await meeting.until(() => strictEqual(near.connection?.queuedBytes, 0));
      ok(near.queuedAtDrains.length > drains, "the queue shrank, and nobody was told");
      strictEqual(near.queuedAtDrains.at(-1), 0, "the last that was told is not that the queue is empty");
      deepStrictEqual(far.numbers, inOrder(FLOOD_COUNT));
    },
  },
];

/**
 * The laws TR1–TR4 of `Connection`, `Dial` and `Accept`, for any transport. That `send` hands over in the same tick (TR2) cannot be seen from
 * within one process: test/integration/websocket-transport.test.ts shows how.
 */
export function transportContract(transport: TransportUnderTest): Contract {
  return {
    name: `a transport: ${transport.name}`,
    cases: CASES.map(({ name, run }) => ({
      name,
      run: async () => {
        const place = await transport.open();
        try {
          await run(new Meeting(place));
        } finally {
          await place.close();
        }
      },
    })),
  };
}
