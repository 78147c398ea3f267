import type { Dice } from "./dice.ts";
import type { History } from "./history.ts";
import type { Machine } from "./machine.ts";
import type { Member } from "./members.ts";
import type { World } from "./world.ts";

/** What can go wrong, and how often. */
export interface Troubles {
  readonly cut: number;
  readonly oneWayCut: number;
  readonly partition: number;
  readonly reset: number;
  readonly slow: number;
  readonly stall: number;
  readonly suspend: number;
  readonly crashNode: number;
  readonly crashRelay: number;
  readonly stop: number;
  readonly slowDisk: number;
  readonly brokenDisk: number;
  readonly clockJump: number;
  /** Frames that are lost, doubled or come out of order: more than TCP does. */
  readonly wildFrames: number;
}

export const ALL_TROUBLES: Troubles = {
  cut: 5,
  oneWayCut: 4,
  partition: 3,
  reset: 6,
  slow: 4,
  stall: 3,
  suspend: 4,
  crashNode: 4,
  crashRelay: 4,
  stop: 3,
  slowDisk: 2,
  brokenDisk: 1,
  clockJump: 0,
  wildFrames: 0,
};

export interface NemesisOptions {
  readonly troubles: Troubles;
  /** How many relays and how many nodes may lose what they hold in one round. */
  readonly relayLosses: number;
  readonly nodeLosses: number;
}

/** Breaks things, and mends them. */
export class Nemesis {
  readonly #world: World;
  readonly #history: History;
  readonly #dice: Dice;
  readonly #options: NemesisOptions;
  readonly #links: readonly (readonly [Machine, Machine])[];
  #relayLosses = 0;
  #nodeLosses = 0;
  #isActive = false;
  #round = 0;
  readonly #stops = new Set<Promise<void>>();

  constructor(world: World, history: History, options: NemesisOptions) {
    this.#world = world;
    this.#history = history;
    this.#dice = world.dice.for("nemesis");
    this.#options = options;
    const relays = world.relays.map(({ machine }) => machine);
    const nodes = world.nodes.map(({ machine }) => machine);
    this.#links = [
      ...nodes.flatMap((node) => relays.map((relay) => [node, relay] as const)),
      ...relays.flatMap((left, index) => relays.slice(index + 1).map((right) => [left, right] as const)),
    ];
  }

  /** Something goes wrong every now and then, until `spanMs` have passed. */
  async run(faultCount: number, spanMs: number): Promise<void> {
    const { timeline } = this.#world;
    this.#isActive = true;
    this.#round += 1;
    this.#relayLosses = 0;
    this.#nodeLosses = 0;
    await Promise.all(
      Array.from({ length: faultCount }, async () => {
        await timeline.pause(this.#dice.between(0, spanMs));
        this.#strike();
      }),
    );
    const restMs = this.#dice.between(0, 500);
    await timeline.pause(restMs);
    this.#isActive = false;
  }

  /** Everything works again, and everybody runs. */
  async heal(): Promise<void> {
    this.#isActive = false;
    const { network, members } = this.#world;
    network.heal();
    for (const member of members) {
      if (member.machine.isSuspended) member.machine.resume();
      member.running?.life.lightFuse(Infinity);
      if (member.disk !== undefined) {
        member.disk.isBroken = false;
        member.disk.delayMs = 0.2;
      }
      member.machine.wallOffsetMs = 0;
    }
    network.wake();
    await Promise.all(this.#stops);
    for (const member of members) if (member.running === undefined) member.start();
  }

  #strike(): void {
    if (!this.#isActive) return;
    const kind = this.#dice.weighted(this.#options.troubles);
    this.#history.tally.faults += 1;
    this.#history.trace(`trouble: ${kind}`);
    switch (kind) {
      case "cut":
        return this.#change(this.#dice.pick(this.#links), { isCut: true }, true, this.#dice.between(50, 9_000));
      case "oneWayCut":
        return this.#change(this.#shuffled(this.#dice.pick(this.#links)), { isCut: true }, false, this.#dice.between(50, 9_000));
      case "partition":
        return this.#partition();
      case "reset":
        return this.#reset();
      case "slow":
        return this.#change(
          this.#dice.pick(this.#links),
          { delayMs: this.#dice.between(5, 200), jitterMs: this.#dice.between(0, 300) },
          true,
          this.#dice.between(100, 5_000),
        );
      case "stall":
        return this.#change(
          this.#shuffled(this.#dice.pick(this.#links)),
          { bytesPerMs: this.#dice.between(0.05, 5) },
          false,
          this.#dice.between(100, 4_000),
        );
      case "wildFrames":
        return this.#change(
          this.#dice.pick(this.#links),
          { drop: 0.05, duplicate: 0.05, reorder: 0.1 },
          true,
          this.#dice.between(500, 5_000),
        );
      case "suspend":
        return this.#suspend();
      case "crashNode":
        return this.#crash(this.#dice.pick(this.#world.nodes));
      case "crashRelay":
        return this.#crash(this.#dice.pick(this.#world.relays));
      case "stop":
        return this.#stop(this.#dice.pick(this.#world.members));
      case "slowDisk":
        return this.#disk((member) => {
          if (member.disk !== undefined) member.disk.delayMs = this.#dice.between(5, 100);
        });
      case "brokenDisk":
        return this.#disk((member) => {
          if (member.disk !== undefined) member.disk.isBroken = true;
        });
      case "clockJump":
        return this.#jump();
    }
  }

  #change(
    [left, right]: readonly [Machine, Machine],
    path: Parameters<World["network"]["change"]>[2],
    bothWays: boolean,
    durationMs: number,
  ): void {
    const { network } = this.#world;
    const before = network.path(left, right);
    const back = network.path(right, left);
    network.change(left, right, path);
    if (bothWays) network.change(right, left, path);
    this.#later(durationMs, () => {
      network.change(left, right, before);
      if (bothWays) network.change(right, left, back);
    });
  }

  /** Two groups that do not reach each other, for a while. */
  #partition(): void {
    const { network, members } = this.#world;
    const away = new Set(members.filter(() => this.#dice.chance(0.4)).map(({ machine }) => machine));
    const broken = this.#links.filter(([left, right]) => away.has(left) !== away.has(right));
    for (const [left, right] of broken) {
      network.change(left, right, { isCut: true });
      network.change(right, left, { isCut: true });
    }
    this.#later(this.#dice.between(100, 12_000), () => {
      for (const [left, right] of broken) {
        network.change(left, right, { isCut: false });
        network.change(right, left, { isCut: false });
      }
    });
  }

  #reset(): void {
    const [left, right] = this.#shuffled(this.#dice.pick(this.#links));
    const tell = this.#dice.pick([[left, right], [left], [right], [left, right]]);
    this.#world.network.reset(left, right, tell);
    this.#world.network.reset(right, left, tell);
  }

  #suspend(): void {
    const { machine } = this.#dice.pick(this.#world.members);
    if (machine.isSuspended) return;
    machine.suspend();
    this.#later(this.#dice.between(50, 10_000), () => {
      machine.resume();
      this.#world.network.wake();
    });
  }

  /** Whether it may lose what it holds now; and with `loses` that it does. */
  #mayLose(member: Member): boolean {
    if (member.kind === "relay") return this.#relayLosses < this.#options.relayLosses;
    return this.#nodeLosses < this.#options.nodeLosses;
  }

  #loses(member: Member): void {
    if (member.kind === "relay") this.#relayLosses += 1;
    else this.#nodeLosses += 1;
  }

  #crash(member: Member): void {
    const { running, disk } = member;
    if (running === undefined || (disk === undefined && !this.#mayLose(member))) return;
    const how = this.#dice.chance(0.6) ? "killed" : "vanished";
    const old = disk?.snapshot();
    const mayForget = disk !== undefined && this.#mayLose(member);
    const fate = mayForget ? this.#dice.weighted({ keeps: 6, empty: 2, old: 2 }) : "keeps";
    const ageMs = this.#dice.between(10, 4_000);
    if (disk === undefined) this.#loses(member);
    if (fate !== "keeps") this.#loses(member);
    const down = (): void => {
      member.crash(how);
      this.#later(this.#dice.between(20, 8_000), () => {
        if (fate !== "keeps") this.#history.lost(member);
        if (fate === "empty") disk?.wipe();
        if (fate === "old" && old !== undefined) disk?.restore(old);
        if (member.running === undefined) member.start();
      });
    };
    if (fate === "old") this.#later(ageMs, down);
    else if (this.#dice.chance(0.5)) {
      running.life.lightFuse(this.#dice.whole(1, 12));
      this.#later(300, down);
    } else down();
  }

  #stop(member: Member): void {
    if (!member.isServing || (member.disk === undefined && !this.#mayLose(member))) return;
    if (member.disk === undefined) this.#loses(member);
    const stop = member.stop().then(() => {
      this.#stops.delete(stop);
      this.#later(this.#dice.between(20, 4_000), () => {
        if (member.running === undefined) member.start();
      });
    });
    this.#stops.add(stop);
  }

  #disk(change: (member: Member) => void): void {
    const member = this.#dice.pick(this.#world.members);
    const { disk } = member;
    if (disk === undefined) return;
    change(member);
    this.#later(this.#dice.between(100, 3_000), () => {
      disk.isBroken = false;
      disk.delayMs = 0.2;
    });
  }

  #jump(): void {
    const { machine } = this.#dice.pick(this.#world.members);
    machine.wallOffsetMs += this.#dice.pick([-3_600_000, -5_000, -500, 500, 5_000, 3_600_000]);
    this.#later(this.#dice.between(1_000, 20_000), () => {
      machine.wallOffsetMs = 0;
    });
  }

  /** Mends what it broke, unless everything was mended before. */
  #later(delayMs: number, run: () => void): void {
    const round = this.#round;
    this.#world.timeline.after(delayMs, () => {
      if (this.#isActive && this.#round === round) run();
    });
  }

  #shuffled<T>([left, right]: readonly [T, T]): readonly [T, T] {
    return this.#dice.chance(0.5) ? [left, right] : [right, left];
  }
}
