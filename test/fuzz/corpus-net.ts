import { Engine } from "../../src/engine/engine.ts";
import { replicaOf } from "../../src/engine/replica.ts";
import { newCounters } from "../../src/sync/counters.ts";
import { credentialsOf } from "../../src/sync/credentials.ts";
import { RelayCore } from "../../src/sync/relay-core.ts";
import { replicatorOptions } from "../../src/sync/relays.ts";
import { Replicator } from "../../src/sync/replicator.ts";
import type { Connection, ConnectionListener, Dial } from "../../src/sync/transport.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { ManualRuntime, settle } from "../support/manual-runtime.ts";
import { ATTRIBUTES, FUZZ_SECRET } from "./fuzzed-engine.ts";

/** One end of a connection in this process: what is sent arrives in a later microtask, and is kept. */
class End implements Connection {
  isOpen = false;
  readonly queuedBytes = 0;
  other: End | undefined;
  readonly #listener: ConnectionListener;
  readonly #frames: Uint8Array[];

  constructor(listener: ConnectionListener, frames: Uint8Array[]) {
    this.#listener = listener;
    this.#frames = frames;
  }

  open(): void {
    this.isOpen = true;
    this.#listener.onOpen();
  }

  send(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.#frames.push(bytes.slice());
    void Promise.resolve().then(() => {
      if (this.other?.isOpen === true) this.other.#listener.onMessage(bytes);
    });
  }

  pause(): void {}

  resume(): void {}

  close(code: number): void {
    for (const end of [this, this.other]) {
      if (end?.isOpen !== true) continue;
      end.isOpen = false;
      void Promise.resolve().then(() => end.#listener.onClose(code));
    }
  }

  cut(): void {
    this.close(1006);
  }
}

/** Two shipped relays and shipped nodes with real engines, by a clock that stands still until it is moved. Everything that they send is kept. */
export class CorpusNet {
  readonly runtime = new ManualRuntime(77);
  readonly frames: Uint8Array[] = [];
  readonly #relays = new Map<string, RelayCore>();

  relay(name: string, peers: readonly string[]): void {
    const engine = new Engine({ attributes: ATTRIBUTES }, this.runtime, (context) => new MemoryStore(context));
    const replica = replicaOf(engine.host);
    engine.host.clock.expectPeers();
    this.#relays.set(
      name,
      new RelayCore({
        runtime: this.runtime,
        replica,
        clock: engine.host.clock,
        counters: newCounters(),
        credentials: credentialsOf({ secret: FUZZ_SECRET }),
        log: () => undefined,
        dial: this.#dial,
        peers: peers.map(addressOf),
      }),
    );
  }

  node(relays: readonly string[]): Engine {
    return new Engine(
      {
        attributes: ATTRIBUTES,
        sync: (host) => {
          const replicator = new Replicator({
            ...replicatorOptions(relays.map(addressOf), { secret: FUZZ_SECRET, alone: "serve" }),
            runtime: this.runtime,
            clockErrorMs: host.epsilonMs,
            clock: host.clock,
            emit: () => undefined,
            dial: this.#dial,
          });
          replicator.start(replicaOf(host));
          return replicator;
        },
      },
      this.runtime,
      (context) => new MemoryStore(context),
    );
  }

  async pass(ms: number, stepMs = 10): Promise<void> {
    await settle();
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.runtime.advance(stepMs);
      await settle();
    }
  }

  readonly #dial: Dial = (address, listener) => {
    const near = new End(listener, this.frames);
    void Promise.resolve().then(() => {
      const relay = this.#relays.get(new URL(address).hostname);
      if (relay === undefined) return listener.onClose(undefined);
      relay.accept(
        (accepted) => {
          const far = new End(accepted, this.frames);
          [near.other, far.other] = [far, near];
          far.isOpen = true;
          return far;
        },
        () => undefined,
      );
      near.open();
    });
    return near;
  };
}

function addressOf(name: string): string {
  return `ws://${name}/`;
}
