import { keyToBytes } from "../../../src/engine/key-bytes.ts";
import { Engine } from "../../../src/engine/engine.ts";
import { replicaOf } from "../../../src/engine/replica.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { newCounters } from "../../../src/sync/counters.ts";
import { credentialsOf } from "../../../src/sync/credentials.ts";
import { DialerGreeting } from "../../../src/sync/greeting.ts";
import { CLOSE_CODES } from "../../../src/sync/messages/close-codes.ts";
import { decodeFrame } from "../../../src/sync/messages/index.ts";
import { RelayCore } from "../../../src/sync/relay-core.ts";
import type { Connection, ConnectionListener } from "../../../src/sync/transport.ts";
import { ManualRuntime, settle } from "../../support/manual-runtime.ts";
import type { Corpus } from "../corpus.ts";
import { ATTRIBUTES, FUZZ_SECRET } from "../fuzzed-engine.ts";
import { bytesOf } from "../hostile-bytes.ts";
import { hostileFrame } from "../hostile-frames.ts";
import { mutated } from "../mutation.ts";
import { Inconsistent, type Target } from "../target.ts";

const STRANGER = 0;
const NODE = 1;
const RELAY = 2;
const LENGTH_BYTES = 3;

/** Who dialed, by hand: what a relay sends is kept, and how it ended the connection. */
class Dialed implements Connection {
  isOpen = true;
  readonly queuedBytes = 0;
  readonly frames: Uint8Array[] = [];
  closeCode: number | undefined;
  readonly listener: ConnectionListener;

  constructor(listener: ConnectionListener) {
    this.listener = listener;
  }

  send(bytes: Uint8Array): void {
    this.frames.push(bytes.slice());
  }

  pause(): void {}

  resume(): void {}

  close(code: number): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.closeCode = code;
    void Promise.resolve().then(() => this.listener.onClose(undefined));
  }

  cut(): void {
    this.close(CLOSE_CODES.silent);
  }
}

/** A relay with a real engine, which holds one session. */
class FuzzedRelay {
  readonly counters = newCounters();
  readonly core: RelayCore;
  readonly #runtime: ManualRuntime;

  constructor(nowMs: number) {
    const runtime = new ManualRuntime(3, nowMs);
    this.#runtime = runtime;
    const engine = new Engine({ attributes: ATTRIBUTES }, runtime, (context) => new MemoryStore(context));
    const replica = replicaOf(engine.host);
    engine.host.clock.expectPeers();
    const credentials = credentialsOf({ secret: FUZZ_SECRET });
    this.core = new RelayCore({ runtime, replica, clock: engine.host.clock, counters: this.counters, credentials, log: () => undefined });
  }

  /** A connection that got as far as its greeting says. */
  async dial(who: number): Promise<Dialed> {
    const accepted: Dialed[] = [];
    this.core.accept(
      (listener) => {
        const connection = new Dialed(listener);
        accepted.push(connection);
        return connection;
      },
      () => undefined,
    );
    const [dialed] = accepted;
    if (dialed === undefined) throw new Error("the relay did not take the connection");
    await settle();
    if (who !== STRANGER) {
      const role = who === RELAY ? "relay" : "node";
      const dialer = { role, id: new Uint8Array(16).fill(9), incarnation: new Uint8Array(16).fill(9), wantsPromptAcks: true } as const;
      const greeting = new DialerGreeting(credentialsOf({ secret: FUZZ_SECRET }), dialer, new Uint8Array(32).fill(5));
      const { reply } = greeting.receive(decodeFrame(dialed.frames[0] ?? new Uint8Array()));
      dialed.listener.onMessage(reply ?? new Uint8Array());
      await settle();
    }
    return dialed;
  }

  /** Whatever waits for a moment. */
  async pass(ms: number): Promise<void> {
    this.#runtime.advance(ms);
    await settle();
  }
}

/** Codes that say what the dialer did wrong. */
const REFUSALS: readonly number[] = [
  CLOSE_CODES.malformed,
  CLOSE_CODES.notAuthenticated,
  CLOSE_CODES.wrongDomain,
  CLOSE_CODES.versionNotServed,
  CLOSE_CODES.overloaded,
];

/** Who dials (0 a stranger, 1 a node, 2 a relay), and `[u24 length][bytes]` of each frame that it sends, to a relay of its own. */
export function relayTarget({ frames, histories, nowMs }: Corpus): Target {
  const all = [...frames.values()].flat();
  const keys = histories.map(({ victim }) => keyToBytes(victim.envelope.key));
  let relay: FuzzedRelay | undefined;
  let dialed: Dialed | undefined;
  return {
    name: "relay",
    input(dice) {
      const sent = Array.from({ length: dice.whole(1, 5) }, () => {
        const kind = dice.weighted({ honest: 3, mutated: 3, grammar: 4 });
        const bytes =
          kind === "honest" ? dice.pick(all) : kind === "mutated" ? mutated(dice, dice.pick(all), all) : hostileFrame(dice, keys);
        return bytesOf((bytes.length >> 16) & 0xff, (bytes.length >> 8) & 0xff, bytes.length & 0xff, bytes);
      });
      return bytesOf(dice.pick([STRANGER, NODE, NODE, NODE, RELAY]), Buffer.concat(sent));
    },
    async take(input) {
      relay = new FuzzedRelay(nowMs);
      dialed = await relay.dial((input[0] ?? 0) % 3);
      for (let at = 1; at + LENGTH_BYTES <= input.length;) {
        const length = Buffer.from(input.buffer, input.byteOffset + at, LENGTH_BYTES).readUIntBE(0, LENGTH_BYTES);
        at += LENGTH_BYTES;
        if (dialed.isOpen) dialed.listener.onMessage(input.slice(at, at + length));
        at += length;
        await settle();
      }
      await relay.pass(50);
      return dialed.closeCode === undefined;
    },
    async check() {
      if (relay === undefined || dialed === undefined) return;
      const { closeCode } = dialed;
      if (closeCode !== undefined && !REFUSALS.includes(closeCode)) throw new Error(`the relay ended the connection with ${closeCode}`);
      if (relay.counters.replicaFailures > 0) throw new Error("the relay could not take in what it was sent, and does not know why");
      for (const frame of dialed.frames) decodeFrame(frame);
      const next = await relay.dial(NODE);
      if (next.closeCode !== undefined || next.frames.length < 2) throw new Inconsistent("the relay does not greet any more");
    },
  };
}
