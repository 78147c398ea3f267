import type { EngineOptions } from "../../src/engine/engine-options.ts";
import { Dice } from "./dice.ts";
import { Disk } from "./disk.ts";
import { Machine } from "./machine.ts";
import { type Member, NodeProcess, type NodeOptions, RelayProcess, type Running, type Seams } from "./members.ts";
import { Network } from "./network.ts";
import { Timeline } from "./timeline.ts";
import { Views } from "./view.ts";

export interface WorldOptions {
  readonly nodes: number;
  readonly relays: number;
  /** Which of them keep what they hold on a disk. */
  readonly relayDisks: boolean;
  readonly nodeDisks: boolean;
  /** How far the clock of a machine may be off. */
  readonly skewMsMax: number;
  readonly sync: NodeOptions;
  readonly engine?: EngineOptions;
  /** Of how many sessions the idle timeout is so short that it matters. Default a tenth. */
  readonly briefShare?: number;
  readonly seams?: Seams;
}

/** Nodes, relays, their machines, disks and network in one process and one virtual time. Everything in it follows from the seed. */
export class World {
  readonly seed: number;
  readonly options: WorldOptions;
  readonly timeline = new Timeline();
  readonly dice: Dice;
  readonly network: Network;
  readonly views = new Views();
  readonly nodes: readonly NodeProcess[];
  readonly relays: readonly RelayProcess[];
  /** Hears of every process that is gone, and with it what was in its memory alone. */
  onDeath: (member: Member) => void = () => undefined;

  constructor(seed: number, options: WorldOptions) {
    this.seed = seed;
    this.options = options;
    this.dice = new Dice(seed);
    this.network = new Network(this.timeline, this.dice);
    const { engine = {}, seams = {}, sync } = options;
    const setting = (name: string, hasDisk: boolean) => {
      const machine = new Machine(name, this.timeline, this.dice, options.skewMsMax);
      const disk = hasDisk ? new Disk(this.dice.for(name)) : undefined;
      return { machine, network: this.network, disk, engine, seams, onDeath: (member: Member) => this.onDeath(member) };
    };
    const names = Array.from({ length: options.relays }, (_, index) => `relay${index + 1}`);
    this.relays = names.map((name) => new RelayProcess(setting(name, options.relayDisks), names));
    const addresses = this.relays.map(({ address }) => address);
    this.nodes = Array.from(
      { length: options.nodes },
      (_, index) => new NodeProcess(setting(`node${index + 1}`, options.nodeDisks), addresses, sync),
    );
  }

  get members(): readonly Member[] {
    return [...this.relays, ...this.nodes];
  }

  /** Starts everybody, and waits until the nodes have met their relays. */
  async start(): Promise<void> {
    for (const relay of this.relays) relay.start();
    for (const node of this.nodes) node.start();
    await this.timeline.runUntil(Promise.all(this.running(this.nodes).map(({ engine }) => engine.ready)), 30_000);
  }

  /** Whether everybody is connected with everybody: each node with each relay, and each two relays both ways. */
  get isWhole(): boolean {
    const linkCount = this.nodes.length + 2 * (this.relays.length - 1);
    return this.relays.every((relay) => relay.running !== undefined && relay.linkCount >= linkCount);
  }

  running(members: readonly Member[] = this.members): Running[] {
    return members.flatMap(({ running }) => (running === undefined ? [] : [running]));
  }

  /** Ends every process: nothing of this world happens any more. */
  end(): void {
    for (const member of this.members) member.crash("vanished");
  }
}
