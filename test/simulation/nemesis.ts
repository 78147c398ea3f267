import type { Dice } from "./dice.ts";
import type { History } from "./history.ts";
import type { Member } from "./members.ts";
import { type Link, TROUBLES, type TroubleKind, type Troubles } from "./troubles.ts";
import type { World } from "./world.ts";

/** Another kind is drawn where there was nothing to break, so often at most. */
const DRAWS_MAX = 6;

/** There is always something that they can break. */
const SURE_KINDS = ["slow", "stall", "cut", "clockSkew", "oneWayCut"] as const satisfies readonly TroubleKind[];

export interface NemesisOptions {
  readonly troubles: Troubles;
  /** How many relays and how many nodes may lose what they hold in one round. */
  readonly relayLosses: number;
  readonly nodeLosses: number;
  readonly skewMsMax: number;
  /** Faults by number that are to happen; the others are left out, and change nothing for these. Default: all. */
  readonly only: ReadonlySet<number> | undefined;
  readonly rounds: number;
  /** Where fewer kinds have struck by the middle of the last round, those of `SURE_KINDS` do. */
  readonly kindsMin: number;
}

/** Breaks things, and mends them. */
export class Nemesis {
  readonly #world: World;
  readonly #history: History;
  readonly #dice: Dice;
  readonly #options: NemesisOptions;
  readonly #links: readonly Link[];
  #relayLosses = 0;
  #nodeLosses = 0;
  #isActive = false;
  #round = 0;
  #count = 0;
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
    const faults = Array.from({ length: faultCount }, async () => {
      const number = (this.#count += 1);
      const dice = this.#dice.for(`fault ${number}`);
      await timeline.pause(dice.between(0, spanMs));
      if (this.#options.only?.has(number) !== false) this.#strike(number, dice);
    });
    if (this.#round === this.#options.rounds && this.#options.kindsMin > 0) faults.push(this.#strikeSurely(spanMs / 2));
    await Promise.all(faults);
    await timeline.pause(this.#dice.for(`round ${this.#round}`).between(0, 500));
    this.#isActive = false;
  }

  /** Everything works again, and everybody runs. */
  async heal(): Promise<void> {
    this.#isActive = false;
    const { network, members } = this.#world;
    network.heal();
    for (const member of members) {
      const { machine } = member;
      if (machine.isSuspended) machine.resume();
      member.running?.life.lightFuse(Infinity);
      if (member.disk !== undefined) {
        member.disk.isBroken = false;
        member.disk.delayMs = 0.2;
      }
      machine.wallOffsetMs = machine.skewMs;
    }
    network.wake();
    await Promise.all(this.#stops);
    for (const member of members) if (member.running === undefined) member.start();
  }

  #strike(number: number, dice: Dice): void {
    if (!this.#isActive) return;
    for (let draw = 0; draw < DRAWS_MAX; draw++) {
      const kind: TroubleKind = dice.weighted<TroubleKind>({ ...this.#options.troubles });
      if (this.#break(number, kind, dice)) return;
    }
  }

  /** What chance left out. Each kind has its number, whether or not it is needed. */
  async #strikeSurely(delayMs: number): Promise<void> {
    const { only, kindsMin } = this.#options;
    const { faultKinds } = this.#history.tally;
    const first = this.#count + 1;
    this.#count += SURE_KINDS.length;
    await this.#world.timeline.pause(delayMs);
    for (const [index, kind] of SURE_KINDS.entries()) {
      const isNeeded =
        only === undefined ? Object.keys(faultKinds).length < kindsMin && faultKinds[kind] === undefined : only.has(first + index);
      if (isNeeded) this.#break(first + index, kind, this.#dice.for(`fault ${first + index}`));
    }
  }

  /** False where there was nothing to break. */
  #break(number: number, kind: TroubleKind, dice: Dice): boolean {
    const round = this.#round;
    const did = TROUBLES[kind]({
      world: this.#world,
      history: this.#history,
      dice,
      links: this.#links,
      skewMsMax: this.#options.skewMsMax,
      later: (delayMs, run) =>
        void this.#world.timeline.after(delayMs, () => {
          if (this.#isActive && this.#round === round) run();
        }),
      mayLose: (member) => this.#mayLose(member),
      loses: (member) => this.#loses(member),
      stopped: (stop) => {
        const stopped = stop.finally(() => this.#stops.delete(stopped));
        this.#stops.add(stopped);
      },
    });
    if (did !== undefined) this.#history.fault(number, kind, did);
    return did !== undefined;
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
}
