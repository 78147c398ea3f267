import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { FaultLine } from "../../../src/testing/history/operation.ts";
import type { LoadNode } from "../load/nodes.ts";
import { HistoryRecorder } from "../../../src/testing/history/recorder.ts";
import type { NodeStats } from "./admin-server.ts";
import { bundleOf } from "../../support/bundle.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { jsonOf } from "./json-of.ts";
import { ENDS_WITH_PARENT, FakeClock, freePort } from "./machine.ts";
import { type Host, Namespaces, throughHost } from "./namespaces.ts";
import type { Framework, NodeSettings } from "./node-app.ts";
import { Program } from "./program.ts";
import type { Random } from "./random.ts";

export interface ClusterOptions {
  readonly random: Random;
  /** Default 2. */
  readonly relayCount?: number;
  /** Default 1. */
  readonly acks?: number;
  /** Default `fail`. */
  readonly degraded?: "serve" | "fail";
  /** Each node and relay on a host of its own (network namespaces), instead of proxies between them. Needs root. */
  readonly hasHosts?: boolean;
  /** Relays keep their sessions on disk. */
  readonly isDurable?: boolean;
  /** Nodes whose wall clock the test sets. */
  readonly fakeClocks?: readonly number[];
}

export interface ClusterNode extends LoadNode {
  readonly program: Program;
  readonly host: Host | undefined;
  readonly clock: FakeClock | undefined;
  /** To each relay; empty where there are hosts. */
  readonly proxies: readonly FaultProxy[];
}

export interface ClusterRelay {
  readonly name: string;
  readonly program: Program;
  readonly host: Host | undefined;
  readonly dataFolder: string;
  /** From this relay to each other one; empty where there are hosts. */
  readonly proxies: readonly FaultProxy[];
}

const NODES: readonly { readonly name: string; readonly framework: Framework }[] = [
  { name: "express", framework: "express" },
  { name: "fastify", framework: "fastify" },
  { name: "koa", framework: "koa" },
];
const LOOPBACK = "127.0.0.1";
const APP_READY = /^ready (\S+) (\S+)$/;
const RELAY_READY = /^converge-session relay listening on /;
const DIGEST_TIMEOUT_MS = 2_000;

/** Three nodes and their relays, each a process of its own; with what lies between them. */
export class Cluster {
  readonly folder: string = mkdtempSync(join(tmpdir(), "converge-chaos-"));
  readonly nodes: ClusterNode[] = [];
  readonly relays: ClusterRelay[] = [];
  readonly secret: string = randomBytes(33).toString("base64");
  readonly #options: ClusterOptions;
  readonly #events: HistoryRecorder;
  readonly #namespaces: Namespaces | undefined;
  readonly #proxies: FaultProxy[] = [];
  /** Where the relays are. */
  #places: readonly Place[] = [];
  readonly #extraNodes: ClusterNode[] = [];

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.#events = new HistoryRecorder(this.eventFile);
    this.#namespaces = options.hasHosts === true ? new Namespaces() : undefined;
    process.once("exit", this.#tidy);
    writeFileSync(join(this.folder, "secret"), this.secret, { mode: 0o600 });
  }

  /** Resolves when everything runs. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get eventFile(): string {
    return join(this.folder, "faults.jsonl");
  }

  /** @throws where there are no hosts */
  get namespaces(): Namespaces {
    if (this.#namespaces === undefined) throw new Error("this cluster has no hosts");
    return this.#namespaces;
  }

  node(index: number): ClusterNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  relay(index: number): ClusterRelay {
    const relay = this.relays[index];
    if (relay === undefined) throw new Error(`there is no relay ${index}`);
    return relay;
  }

  note(line: Omit<FaultLine, "atMs">): void {
    this.#events.note(line);
  }

  /** What each node holds of each key, in their order. A node that does not answer gives nothing. */
  digests(keys: readonly string[]): Promise<(readonly string[] | undefined)[]> {
    return Promise.all(this.nodes.map((node) => askAdmin<string[]>(node, "digests", DIGEST_TIMEOUT_MS, JSON.stringify(keys))));
  }

  stats(node: LoadNode): Promise<NodeStats | undefined> {
    return askAdmin<NodeStats>(node, "stats", DIGEST_TIMEOUT_MS);
  }

  copyData(relay: ClusterRelay, to: string): void {
    cpSync(relay.dataFolder, join(this.folder, to), { recursive: true });
  }

  /** Puts an earlier copy in place of what the relay, which does not run, has on its disk; without a copy nothing. */
  replaceData(relay: ClusterRelay, from?: string): void {
    rmSync(relay.dataFolder, { recursive: true, force: true });
    if (from !== undefined) cpSync(join(this.folder, from), relay.dataFolder, { recursive: true });
  }

  /** One more node, of which the load does not know. It is not started again, so it takes any port. */
  async addNode(name: string, framework: Framework): Promise<ClusterNode> {
    const node = await this.#makeNode(name, framework, undefined, { port: 0, adminPort: 0 });
    this.#extraNodes.push(node);
    const [, url = "", adminUrl = ""] = await node.program.start();
    return { ...node, url, adminUrl };
  }

  /** Keeps the histories, and what all programs said, where somebody can look at them later; the folder. */
  keepEvidence(files: readonly string[]): string {
    const folder = mkdtempSync(join(tmpdir(), "converge-chaos-failed-"));
    for (const file of [...files, this.eventFile]) cpSync(file, join(folder, basename(file)));
    for (const { program } of [...this.nodes, ...this.relays]) writeFileSync(join(folder, `${program.name}.log`), program.errorOutput);
    return folder;
  }

  /** Whatever was started ends, and leaves nothing behind. */
  async stop(): Promise<void> {
    await Promise.all([...this.nodes, ...this.#extraNodes, ...this.relays].map(({ program }) => program.kill()));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    this.#events.close();
    process.off("exit", this.#tidy);
    this.#tidy();
  }

  /** Also when this process ends in the midst of a run; the programs end with it. */
  readonly #tidy = (): void => {
    this.#namespaces?.remove();
    rmSync(this.folder, { recursive: true, force: true });
  };

  async #start(): Promise<void> {
    const { relayCount = 2, fakeClocks = [] } = this.#options;
    const places = await Promise.all(
      Array.from({ length: relayCount }, async () => {
        const host = this.#namespaces?.add();
        return { host, address: host?.address ?? LOOPBACK, port: await freePort() };
      }),
    );
    for (const [index, place] of places.entries()) {
      const others = places.filter((other) => other !== place);
      const peers = await Promise.all(others.map((other) => this.#between(other)));
      this.relays.push(this.#makeRelay(`relay${index}`, place, peers));
    }
    this.#places = places;
    await Promise.all(this.relays.map(({ program }) => program.start()));
    for (const [index, { name, framework }] of NODES.entries()) {
      const clock = fakeClocks.includes(index) ? new FakeClock(join(this.folder, `clock-${name}`)) : undefined;
      this.nodes.push(await this.#makeNode(name, framework, clock));
    }
    await Promise.all(this.nodes.map(({ program }) => program.start()));
  }

  #makeRelay(name: string, { host, address, port }: Place, peers: readonly Way[]): ClusterRelay {
    const dataFolder = join(this.folder, name);
    const args = ["relay", "--listen", `${address}:${port}`, "--secret-file", join(this.folder, "secret")];
    for (const peer of peers) args.push("--peer", peer.url);
    if (this.#options.isDurable === true) args.push("--data", dataFolder);
    const program = new Program({
      name,
      file: "src/relay/main.ts",
      args,
      environment: {},
      ready: RELAY_READY,
      through: [...(host === undefined ? [] : throughHost(host)), ...ENDS_WITH_PARENT],
    });
    return { name, program, host, dataFolder, proxies: peers.flatMap(({ proxy }) => proxy ?? []) };
  }

  async #makeNode(
    name: string,
    framework: Framework,
    clock: FakeClock | undefined,
    ports?: Pick<NodeSettings, "port" | "adminPort">,
  ): Promise<ClusterNode> {
    const host = this.#namespaces?.add();
    const address = host?.address ?? LOOPBACK;
    const ways = await Promise.all(this.#places.map((place) => this.#between(place)));
    const { port, adminPort } = ports ?? { port: await freePort(), adminPort: await freePort() };
    const settings: NodeSettings = {
      framework,
      host: address,
      port,
      adminPort,
      relays: ways.map(({ url }) => url),
      acks: this.#options.acks ?? 1,
      degraded: this.#options.degraded ?? "fail",
    };
    const program = new Program({
      name,
      file: bundleOf("test/chaos/node.ts"),
      args: [JSON.stringify(settings)],
      ready: APP_READY,
      environment: { CONVERGE_SESSION_SECRET: this.secret, ...clock?.environment },
      through: [...(host === undefined ? [] : throughHost(host)), ...ENDS_WITH_PARENT],
    });
    const proxies = ways.flatMap(({ proxy }) => proxy ?? []);
    return { name, program, host, clock, proxies, url: `http://${address}:${port}`, adminUrl: `http://${address}:${adminPort}` };
  }

  /** The way to a relay: through a proxy of its own, or straight where the network itself is cut. */
  async #between({ host, address, port }: Place): Promise<Way> {
    if (host !== undefined) return { url: `ws://${address}:${port}`, proxy: undefined };
    const proxy = await FaultProxy.start({ host: address, port }, this.#options.random);
    this.#proxies.push(proxy);
    return { url: `ws://${LOOPBACK}:${proxy.port}`, proxy };
  }
}

interface Place {
  readonly host: Host | undefined;
  readonly address: string;
  readonly port: number;
}

interface Way {
  readonly url: string;
  readonly proxy: FaultProxy | undefined;
}

/** Asks the admin port. Undefined where the node does not answer in time. */
export function askAdmin<T>({ adminUrl }: LoadNode, path: string, timeoutMs: number, body?: string): Promise<T | undefined> {
  return jsonOf(`${adminUrl}/${path}`, timeoutMs, body) as Promise<T | undefined>;
}
