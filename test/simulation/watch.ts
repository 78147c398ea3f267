import type { Engine } from "../../src/engine/engine.ts";
import type { Envelope } from "../../src/engine/envelope.ts";
import type { SessionKey } from "../../src/engine/record.ts";
import type { History } from "./history.ts";
import type { Life } from "./machine.ts";
import type { Member } from "./members.ts";
import type { World } from "./world.ts";

/** How often everybody is looked at. */
const LOOK_MS = 250;
/** What a peer may have waiting (SY5), and the frame that was let through last. */
const QUEUED_BYTES_MAX = 17 * 1024 * 1024;

interface Known {
  readonly touchedAtMs: number;
  readonly isOver: boolean;
}

/** Looks at every process again and again, whether or not a request comes: what no process may hold at any instant. */
export class Watch {
  readonly #world: World;
  readonly #history: History;
  readonly #known = new WeakMap<Life, Map<SessionKey, Known>>();
  readonly #wrong = new WeakSet<object>();
  #isOver = false;

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
  }

  start(): void {
    this.#world.timeline.after(LOOK_MS, () => {
      if (this.#isOver) return;
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#isOver = true;
  }

  #look(): void {
    const { network, members } = this.#world;
    const queued = network.queuedBytesMax;
    this.#history.expect("SY5", queued <= QUEUED_BYTES_MAX, () => `${queued} bytes wait for one peer`);
    for (const member of members) {
      if (member.running === undefined) continue;
      const { life, engine } = member.running;
      if (member.machine.isWrong) this.#wrong.add(life);
      const known = this.#known.get(life) ?? new Map<SessionKey, Known>();
      this.#known.set(life, known);
      const nowMs = engine.clock.nowMs();
      for (const { key, envelope } of engine.registry.hotSessions) this.#judge(member, engine, known, key, envelope, nowMs);
    }
  }

  /** Whether its clock was wrong at any time of this process's life. */
  #isWrong({ running }: Member): boolean {
    return running !== undefined && this.#wrong.has(running.life);
  }

  #judge(member: Member, engine: Engine, known: Map<SessionKey, Known>, key: SessionKey, envelope: Envelope, nowMs: number): void {
    const { touchedAtMs, ended } = envelope;
    const before = known.get(key);
    const isOver = ended !== undefined;
    known.set(key, { touchedAtMs, isOver });
    const history = this.#history;
    const where = `${member.name} ${key}`;
    const aheadMs = touchedAtMs - nowMs;
    // One that was alone with a wrong clock dated uses by it; others refuse those.
    const isAllowed = aheadMs <= engine.host.epsilonMs || this.#isWrong(member);
    history.expect("E4", isAllowed, () => `${where} was touched ${aheadMs.toFixed(0)} ms from now`);
    if (before === undefined) return;
    history.expect("E2", isOver || !before.isOver, () => `${where} was over, and lives`);
    history.expect("E3", isOver || touchedAtMs >= before.touchedAtMs, () => `${where} was touched earlier than a moment ago`);
  }
}
