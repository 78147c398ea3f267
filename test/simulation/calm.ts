import { touchDelayMs } from "../../src/engine/session-times.ts";
import type { SessionKey } from "../../src/engine/record.ts";
import type { History, SessionNote } from "./history.ts";
import type { World } from "./world.ts";

/** What is written while nothing is broken is everywhere by then: no comparison of the two sides is needed for it. */
const SPREAD_MS = 400;
/** Longer than a silence that counts as a loss (6 s), and than what a touch waits for, where sessions are brief. */
const QUIET_MS = 7_000;
const TOUCH_SLACK_MS = 3_000;
/** Whoever lacks an ack then has it by now: what was missed goes out again with the next comparison. */
const ACKED_BOUND_MS = 15_000;
const POLL_MS = 250;

/** What must be so while nothing is broken, and nobody starts or stops. From its making on. */
export class Calm {
  readonly #world: World;
  readonly #history: History;
  readonly #heard: ReadonlyMap<unknown, number>;
  readonly #written = new Map<SessionNote, readonly string[]>();

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
    this.#heard = new Map(world.nodes.map(({ events }) => [events, events.length]));
  }

  /** A session was written now: who holds it is to hear of it. */
  wrote(note: SessionNote): void {
    // After its grace one that was replaced is over: nobody tells of what is written to it late.
    if (note.successor !== undefined) return;
    const mark = note.marks.at(-1);
    if (mark?.status !== "told" || mark.note !== note) return;
    const holders = this.#world.nodes.filter(({ name, running }) => name !== mark.member.name && this.#has(running, note.key));
    this.#written.set(
      note,
      holders.map(({ name }) => name),
    );
  }

  /** Every commit goes at once to whoever holds its session. */
  async judgeSpread(): Promise<void> {
    await this.#world.timeline.runFor(SPREAD_MS);
    for (const note of this.#written.keys()) {
      const said = this.#world.members.map(({ kind, running }) => ({ kind, fingerprint: running?.replica.fingerprint(note.key) ?? 0 }));
      const states = new Set(said.filter(({ kind, fingerprint }) => kind === "relay" || fingerprint !== 0).map((each) => each.fingerprint));
      this.#history.expect("RP1", states.size < 2, () => `${note.key} was written, and not all have it ${SPREAD_MS} ms later`);
    }
  }

  /** Documents that fell silent (yjs#799) are found out: every node that holds a session tells of each write to it. */
  judgeEvents(): void {
    for (const [{ key, successor }, names] of this.#written) {
      if (successor !== undefined) continue;
      for (const { name, events } of this.#world.nodes) {
        if (!names.includes(name)) continue;
        const isTold = events
          .slice(this.#heard.get(events))
          .some((event) => event.type === "attribute" && event.key === key && event.name === "last");
        this.#history.expect("N1", isTold, () => `${name} told nobody that ${key} was written`);
      }
    }
  }

  /** Once all are one nobody waits for an ack any more. */
  async judgeBacklog(): Promise<void> {
    const { nodes, timeline } = this.#world;
    const waiting = (): number => nodes.reduce((sum, { running }) => sum + (running?.engine.stats().unreplicated.sessions ?? 0), 0);
    for (let tookMs = 0; waiting() > 0 && tookMs < ACKED_BOUND_MS; tookMs += POLL_MS) await timeline.runFor(POLL_MS);
    for (const { name, running } of nodes) {
      const sessions = running?.engine.stats().unreplicated.sessions ?? 0;
      this.#history.expect("RP9", sessions === 0, () => `${name} still waits for the acks of ${sessions} sessions`);
    }
  }

  /** Nothing happens for a while: connections stay, and all come to know when each session was used last. */
  async judgeQuiet(): Promise<void> {
    await this.#world.timeline.runFor(QUIET_MS);
    for (const { name, events } of this.#world.nodes) {
      const left = events.slice(this.#heard.get(events)).filter(({ type }) => type === "member-left");
      this.#history.expect("SY4", left.length === 0, () => `${name} gave up ${left.length} connections that worked`);
    }
    for (const [key, { earliestMs, latestMs }] of this.#touches()) {
      const note = this.#history.sessions.get(key);
      if (note === undefined || note.successor !== undefined) continue;
      const spreadMs = latestMs - earliestMs;
      const allowedMs = touchDelayMs(note.idleTimeoutMs) + TOUCH_SLACK_MS;
      this.#history.expect("E9", spreadMs <= allowedMs, () => `${key}: the last use is known to some, and ${spreadMs} ms older to others`);
    }
  }

  #touches(): Map<SessionKey, { readonly earliestMs: number; readonly latestMs: number }> {
    const touches = new Map<SessionKey, { earliestMs: number; latestMs: number }>();
    for (const { engine } of this.#world.running()) {
      for (const { key, envelope } of engine.registry.hotSessions) {
        if (envelope.ended !== undefined || envelope.successor !== undefined) continue;
        // By a clock that was wrong and alone: nobody else takes it.
        if (envelope.touchedAtMs > engine.clock.nowMs() + engine.host.epsilonMs) continue;
        const { earliestMs, latestMs } = touches.get(key) ?? { earliestMs: Infinity, latestMs: -Infinity };
        touches.set(key, {
          earliestMs: Math.min(earliestMs, envelope.touchedAtMs),
          latestMs: Math.max(latestMs, envelope.touchedAtMs),
        });
      }
    }
    return touches;
  }

  #has(running: World["nodes"][number]["running"], key: SessionKey): boolean {
    return (running?.replica.fingerprint(key) ?? 0) !== 0;
  }
}
