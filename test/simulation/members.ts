import type { AttributeTypes } from "../../src/engine/attributes/schema.ts";
import { counter } from "../../src/engine/attributes/counter.ts";
import { list } from "../../src/engine/attributes/list.ts";
import { map } from "../../src/engine/attributes/map.ts";
import { register } from "../../src/engine/attributes/register.ts";
import { set } from "../../src/engine/attributes/set.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import type { SessionEvent } from "../../src/engine/events.ts";
import { replicaOf } from "../../src/engine/replica.ts";
import type { Replica } from "../../src/engine/replication.ts";
import type { LastingStore } from "../../src/engine/session-store.ts";
import { restoreSessions } from "../../src/relay/restore.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { INCARNATION_BYTES } from "../../src/sync/messages/challenge.ts";
import { newCounters, type SyncCounters } from "../../src/sync/counters.ts";
import { type KeptIncarnation, RelayCore } from "../../src/sync/relay-core.ts";
import { type RelaysOptions, replicatorOptions } from "../../src/sync/relays.ts";
import { credentialsOf } from "../../src/sync/credentials.ts";
import { Replicator } from "../../src/sync/replicator.ts";
import type { Dial } from "../../src/sync/transport.ts";
import type { Disk } from "./disk.ts";
import type { Life, Machine } from "./machine.ts";
import type { Network } from "./network.ts";

const SECRET = "a secret of the simulation alone, thirty-two bytes and more";

/** Seams for planted faults, and for nothing else: the shipped code between them stays as it is. */
export interface Seams {
  readonly replica?: (replica: Replica, member: Member) => Replica;
  readonly dial?: (dial: Dial, member: Member) => Dial;
  /** Of a node, instead of what its options say. */
  readonly forgetLossAfterMs?: number;
  readonly incarnation?: (kept: KeptIncarnation | undefined, member: Member) => KeptIncarnation | undefined;
}

export interface MemberSetting {
  readonly machine: Machine;
  readonly network: Network;
  /** Undefined: what it holds is in its memory alone. */
  readonly disk: Disk | undefined;
  readonly engine: EngineOptions;
  readonly seams: Seams;
  /** A process is gone, and with it what was in its memory alone. */
  readonly onDeath: (member: Member) => void;
}

/** A process that can die and be started again on its machine. */
export interface Member {
  readonly name: string;
  readonly kind: "node" | "relay";
  readonly machine: Machine;
  readonly disk: Disk | undefined;
  /** The process of now. */
  readonly running: Running | undefined;
  /** It takes requests: it runs, and is not about to stop. */
  readonly isServing: boolean;
  readonly counters: SyncCounters;
  readonly events: SessionEvent[];
  /** What kept it from starting. */
  readonly failures: readonly unknown[];
  start(): void;
  /** Ends the process as a deploy does. */
  stop(): Promise<void>;
  /** It is gone in the middle of whatever it did. */
  crash(how: "killed" | "vanished"): void;
}

export interface Running {
  readonly life: Life;
  readonly engine: Engine;
  readonly replica: Replica;
}

/** As a service manager waits before it starts again what could not start. */
const RESTART_MS = 500;

/** What every listener of the simulation throws; nobody ever catches it but the engine. */
export class ListenerFailed extends Error {
  constructor() {
    super("a listener failed");
  }
}

/** Made once: where it was thrown tells nobody anything, and costs more than all that listeners do. */
const LISTENER_FAILED = new ListenerFailed();

/** What the application of the simulation declares: one attribute of each merge type. */
const ATTRIBUTES = { marks: set<number>(), hits: counter(), items: list<number>(), cart: map<number>() };
/** As it is declared version by version: what is there already merges by its kind, whatever is declared. */
const VERSIONS: readonly AttributeTypes[] = [ATTRIBUTES, {}, ATTRIBUTES, { ...ATTRIBUTES, cart: register() }];

abstract class Process implements Member {
  abstract readonly kind: "node" | "relay";
  readonly setting: MemberSetting;
  counters: SyncCounters = newCounters();
  readonly events: SessionEvent[] = [];
  readonly failures: unknown[] = [];
  #running: Running | undefined;
  #deathKind: "killed" | "vanished" = "killed";
  #isStopping = false;

  constructor(setting: MemberSetting) {
    this.setting = setting;
  }

  get name(): string {
    return this.setting.machine.name;
  }

  get machine(): Machine {
    return this.setting.machine;
  }

  get disk(): Disk | undefined {
    return this.setting.disk;
  }

  get running(): Running | undefined {
    return this.#running;
  }

  get isServing(): boolean {
    return this.#running !== undefined && !this.#isStopping && !this.machine.isSuspended;
  }

  start(): void {
    if (this.#running !== undefined) throw new Error("it runs already");
    const { machine, network } = this.setting;
    const life = machine.begin(() => {
      this.#running = undefined;
      machine.timeline.trace(`${this.name} ${this.#deathKind}`);
      network.bury(life, this.#deathKind);
      this.setting.onDeath(this);
    });
    machine.timeline.trace(`${this.name} starts`);
    network.returned(machine);
    this.counters = newCounters();
    this.#running = this.begin(life);
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined || this.#isStopping) return;
    this.#isStopping = true;
    this.machine.timeline.trace(`${this.name} stops`);
    await Promise.race([this.end(running), running.life.died]).catch(() => undefined);
    this.#isStopping = false;
    this.#deathKind = "killed";
    running.life.die();
  }

  crash(how: "killed" | "vanished"): void {
    this.#deathKind = how;
    this.#running?.life.die();
  }

  protected abstract begin(life: Life): Running;
  protected abstract end(running: Running): Promise<void>;

  protected makeEngine(life: Life, options: EngineOptions): Engine {
    const { disk, engine } = this.setting;
    return new Engine(
      {
        attributes: ATTRIBUTES,
        ...engine,
        ...options,
        onEvent: (event) => {
          this.events.push(event);
          if (event.type === "input-refused" || event.type === "store-failed" || event.type === "clock-fault")
            this.machine.timeline.trace(`${this.name} ${event.type} ${"error" in event ? String(event.error) : event.aheadMs}`);
          // A listener that throws harms nobody: every one here does.
          throw LISTENER_FAILED;
        },
        ...(disk === undefined ? {} : { store: (context) => disk.open(life, context) }),
      },
      life,
      (context) => new MemoryStore(context),
    );
  }

  protected seen(replica: Replica): Replica {
    return this.setting.seams.replica?.(replica, this) ?? replica;
  }

  protected dialer(life: Life): Dial {
    const dial = this.setting.network.dial(life);
    return this.setting.seams.dial?.(dial, this) ?? dial;
  }
}

export type NodeOptions = Omit<RelaysOptions, "secret" | "log">;

/** A process of the application: an engine with the shipped replicator. */
export class NodeProcess extends Process {
  readonly kind = "node";
  /** Of the application that the next start runs. */
  version = 0;
  readonly #addresses: readonly string[];
  readonly #options: NodeOptions;

  constructor(setting: MemberSetting, addresses: readonly string[], options: NodeOptions) {
    super(setting);
    this.#addresses = addresses;
    this.#options = options;
  }

  /** What a session begins with here has its merge types. */
  get declaresAll(): boolean {
    return this.version % VERSIONS.length !== 1;
  }

  /** No attribute is declared otherwise than usual. */
  get declaresAsUsual(): boolean {
    return VERSIONS[this.version % VERSIONS.length] === ATTRIBUTES;
  }

  protected begin(life: Life): Running {
    let replica: Replica | undefined;
    const { timeline } = this.machine;
    const engine = this.makeEngine(life, {
      attributes: VERSIONS[this.version % VERSIONS.length] ?? ATTRIBUTES,
      sync: (host) => {
        replica = replicaOf(host);
        const replicator = new Replicator({
          ...replicatorOptions(this.#addresses, {
            ...this.#options,
            secret: SECRET,
            log: (line) => timeline.trace(`${this.name} log: ${line}`),
          }),
          ...(this.setting.seams.forgetLossAfterMs === undefined ? {} : { forgetLossAfterMs: this.setting.seams.forgetLossAfterMs }),
          runtime: host.runtime,
          clockErrorMs: host.epsilonMs,
          clock: host.clock,
          emit: (event) => host.events.emit(event),
          dial: this.dialer(life),
        });
        this.counters = replicator.counters;
        replicator.start(this.seen(replica));
        return replicator;
      },
    });
    if (replica === undefined) throw new Error("the engine did not start its replication");
    return { life, engine, replica };
  }

  protected end({ engine }: Running): Promise<void> {
    return engine.close();
  }
}

/** A relay: an engine without requests, and the shipped core. */
export class RelayProcess extends Process {
  readonly kind = "relay";
  readonly address: string;
  readonly #peers: readonly string[];
  #core: RelayCore | undefined;

  /** `peers`: the names of all relays, its own among them. */
  constructor(setting: MemberSetting, peers: readonly string[]) {
    super(setting);
    this.address = addressOf(this.name);
    this.#peers = peers.filter((name) => name !== this.name).map(addressOf);
    setting.network.place(this.address, setting.machine);
  }

  protected begin(life: Life): Running {
    const engine = this.makeEngine(life, {});
    const replica = replicaOf(engine.host);
    engine.host.clock.expectPeers();
    this.#core = undefined;
    this.#serve(life, engine, this.seen(replica)).catch((error: unknown) => {
      if (!life.isAlive) return;
      if (this.disk?.isBroken !== true) this.failures.push(error);
      // Whatever watches over it starts it again.
      this.crash("killed");
      this.machine.timeline.after(RESTART_MS, () => {
        if (this.running === undefined) this.start();
      });
    });
    return { life, engine, replica };
  }

  /** As src/relay/relay.ts does, with a network and a disk of the simulation. */
  async #serve(life: Life, engine: Engine, replica: Replica): Promise<void> {
    const { timeline } = this.machine;
    const log = (line: string): void => timeline.trace(`${this.name} log: ${line}`);
    const kept = this.disk === undefined ? undefined : keptIncarnation(this.disk, life);
    const { seams } = this.setting;
    const incarnation = seams.incarnation === undefined ? kept : seams.incarnation(kept, this);
    const store = engine.host.sessionStore;
    if (this.disk !== undefined && "scan" in store) await restoreSessions(store as LastingStore, engine.host, log, () => life.isAlive);
    if (!life.isAlive) return;
    const core = new RelayCore({
      replica,
      runtime: life,
      clock: engine.host.clock,
      credentials: credentialsOf({ secret: SECRET }),
      counters: this.counters,
      dial: this.dialer(life),
      peers: this.#peers,
      incarnation,
      log,
    });
    this.#core = core;
    this.setting.network.listen(this.address, life, (connect) => core.accept(connect, () => undefined));
  }

  /** Connections of others, and to others, that are past their greeting. */
  get linkCount(): number {
    return this.#core?.members().filter(({ isDrained }) => !isDrained).length ?? 0;
  }

  /** It counts so many relays, itself among them, as those from which it hears everything. */
  get memberCount(): number {
    return this.running === undefined ? 0 : (this.#core?.status.memberCount ?? 0);
  }

  protected async end({ engine }: Running): Promise<void> {
    await this.#core?.close();
    await engine.close();
  }
}

function addressOf(name: string): string {
  return `ws://${name}/`;
}

/** As the relay's data folder keeps it: drawn when the folder was begun, and found by every later process. */
function keptIncarnation(disk: Disk, life: Life): KeptIncarnation {
  const { id = life.randomBytes(INCARNATION_BYTES), begunAtMs = life.nowMs(), completeSinceMs } = disk.incarnation ?? {};
  const keep = (sinceMs: number | undefined): void => {
    if (life.isAlive) disk.incarnation = { id, begunAtMs, completeSinceMs: sinceMs };
  };
  keep(completeSinceMs);
  return { id, begunAtMs, completeSinceMs, keep };
}
