import type { Replication } from "../../src/engine/index.ts";
import { type Relay, startRelayServer } from "../../src/sync/index.ts";
import { nodeRuntime } from "../../src/runtime/node-runtime.ts";
import { type RelaysOptions, replicatorOptions } from "../../src/sync/relays.ts";
import { Replicator } from "../../src/sync/replicator.ts";
import { dialWebSocket } from "../../src/sync/websocket-transport.ts";
import { type ReplicationUnderTest, SetReplica, type TestHolder } from "../../src/testing/index.ts";

export const TEST_SECRET = "a secret for tests, at least thirty-two bytes";

/** Replication over real sockets that was not given its replica yet. */
export function replicatorFor(addresses: readonly string[], options: RelaysOptions): Replicator {
  return new Replicator({
    ...replicatorOptions(addresses, options),
    runtime: nodeRuntime,
    clockErrorMs: 2_000,
    emit: () => undefined,
    dial: dialWebSocket,
  });
}

/** A relay in this process, over real sockets, that can go away and come back on its port. */
export class RelayHolder implements TestHolder {
  readonly replica = new SetReplica();
  #relay: Relay | undefined;
  #port = 0;

  get address(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  get relay(): Relay {
    if (this.#relay === undefined) throw new Error("the relay is stopped");
    return this.#relay;
  }

  async restart(): Promise<void> {
    this.#relay = await startRelayServer({ replica: this.replica, runtime: nodeRuntime, port: this.#port, secret: TEST_SECRET });
    this.#port = this.#relay.port;
  }

  async stop(): Promise<void> {
    await this.#relay?.close();
    this.#relay = undefined;
  }

  async connectionCount(): Promise<number> {
    return this.relay.connectionCount();
  }
}

export const RELAY_REPLICATION: ReplicationUnderTest = {
  name: "a relay",
  startHolder: async () => {
    const holder = new RelayHolder();
    await holder.restart();
    return holder;
  },
  replicationOn: (holders, timeouts): Replication => {
    const addresses = holders.map((holder) => (holder as RelayHolder).address);
    return replicatorFor(addresses, { alone: "serve", secret: TEST_SECRET, ...timeouts });
  },
};
