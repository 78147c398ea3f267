import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { replicaOf, type Replica, type SessionEngine } from "../../src/engine/index.ts";
import { createEngine } from "../../src/runtime/index.ts";
import { nodeRuntime } from "../../src/runtime/node-runtime.ts";
import { newCounters } from "../../src/sync/counters.ts";
import { credentialsOf } from "../../src/sync/credentials.ts";
import type { Versions } from "../../src/sync/protocol-version.ts";
import { type KeptIncarnation, RelayCore } from "../../src/sync/relay-core.ts";
import type { Connection } from "../../src/sync/transport.ts";
import { dialWebSocket, WebSocketConnection } from "../../src/sync/websocket-transport.ts";
import { TEST_SECRET } from "./relay-holder.ts";

export interface TestRelayOptions {
  readonly address: string;
  readonly peers: readonly string[];
  /** Default: an engine of its own, empty. */
  readonly replica?: Replica;
  readonly incarnation?: KeptIncarnation;
  readonly forgetLossAfterMs?: number;
  readonly versions?: Versions;
}

/** Addresses on this machine that nobody listens on. */
export async function freeAddresses(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const addresses = servers.map((server) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return addresses;
}

/** A relay in this process over real sockets that can be killed: gone from one moment to the next, without a word. */
export class TestRelay {
  readonly core: RelayCore;
  readonly log: string[] = [];
  readonly #server: WebSocketServer;
  readonly #engine: SessionEngine | undefined;
  readonly #connections = new Set<Connection>();
  #isKilled = false;

  private constructor(server: WebSocketServer, options: TestRelayOptions) {
    this.#server = server;
    this.#engine = options.replica === undefined ? createEngine() : undefined;
    const replica = options.replica ?? (this.#engine === undefined ? undefined : replicaOf(this.#engine.host));
    if (replica === undefined) throw new Error("a relay needs a replica");
    this.core = new RelayCore({
      replica,
      runtime: nodeRuntime,
      credentials: credentialsOf({ secret: TEST_SECRET }),
      counters: newCounters(),
      log: (line) => this.log.push(line),
      dial: (address, listener) => {
        const connection = dialWebSocket(address, listener);
        this.#connections.add(connection);
        if (this.#isKilled) connection.cut();
        return connection;
      },
      peers: options.peers,
      incarnation: options.incarnation,
      forgetLossAfterMs: options.forgetLossAfterMs,
      versions: options.versions,
    });
    server.on("connection", (socket) =>
      this.core.accept(
        (listener) => {
          const connection = new WebSocketConnection(socket, listener);
          this.#connections.add(connection);
          return connection;
        },
        () => undefined,
      ),
    );
  }

  static async start(options: TestRelayOptions): Promise<TestRelay> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: Number(new URL(options.address).port), perMessageDeflate: false });
    await once(server, "listening");
    return new TestRelay(server, options);
  }

  /** Says that it stops. Idempotent, and nothing after a kill. */
  async close(): Promise<void> {
    const closed = this.core.close();
    await Promise.all([closed, this.#stopListening()]);
    await this.#engine?.close();
  }

  /** As by `kill -9`: its connections break, and what it held is gone with it. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    for (const connection of this.#connections) connection.cut();
    await this.close();
  }

  #stopListening(): Promise<void> {
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }
}
