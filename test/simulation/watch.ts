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

/** Looks at every process again and again, whether or not a request comes: what no process may hold at any instant. */
export class Watch {
  readonly #world: World;
  readonly #history: History;
  readonly #known = new WeakMap<Life, Map<SessionKey, Envelope>>();
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
      const known = this.#known.get(life) ?? new Map<SessionKey, Envelope>();
      this.#known.set(life, known);
      const nowMs = engine.clock.nowMs();
      // One that was alone with a wrong clock dated uses by it; others refuse those.
      const latestMs = this.#wrong.has(life) ? Infinity : nowMs + engine.host.epsilonMs;
      for (const { key, envelope } of engine.registry.hotSessions) {
        const before = known.get(key);
        if (before !== envelope) known.set(key, envelope);
        this.#judge(member, key, envelope, before, latestMs);
      }
    }
  }

  /** Everybody has many sessions and is looked at often: nothing is made here that only a violation needs. */
  #judge({ name }: Member, key: SessionKey, envelope: Envelope, before: Envelope | undefined, latestMs: number): void {
    const { touchedAtMs, ended } = envelope;
    const history = this.#history;
    history.tally.checks += before === undefined ? 1 : 3;
    if (touchedAtMs > latestMs)
      history.violated("E4", `${name} ${key} was touched ${(touchedAtMs - latestMs).toFixed(0)} ms later than may be`);
    if (ended !== undefined || before === undefined || before === envelope) return;
    if (before.ended !== undefined) history.violated("E2", `${name} ${key} was over, and lives`);
    if (touchedAtMs < before.touchedAtMs) history.violated("E3", `${name} ${key} was touched earlier than a moment ago`);
  }
}
