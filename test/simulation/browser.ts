import type { SessionKey } from "../../src/engine/record.ts";
import type { WriterId, Stamp } from "../../src/engine/record.ts";
import type { OpenSession, Seen } from "../../src/engine/session-engine.ts";
import type { Mark, SessionNote } from "./history.ts";

/** As many as the adapters' cookies hold (DESIGN section 5). */
const SLOT_COUNT = 8;

/** What one browser has: a cookie with an id, and what it was told that it has seen. */
export class Browser {
  readonly name: string;
  note: SessionNote | undefined;
  readonly #dots = new Map<WriterId, Stamp>();
  #touchedAtMs = 0;
  #known: Mark[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get key(): SessionKey | undefined {
    return this.note?.key;
  }

  /** What it sends along with its id. */
  get seen(): Seen {
    return { dots: [...this.#dots], touchedAtMs: this.#touchedAtMs };
  }

  /** Writes that it was told of, with a token. */
  get known(): readonly Mark[] {
    return this.#known;
  }

  /** Its cookie is another one from here on. */
  take(note: SessionNote): void {
    this.note = note;
    this.#dots.clear();
    this.#touchedAtMs = 0;
    this.#known = [];
  }

  /** Its cookie is gone. */
  forget(): void {
    this.note = undefined;
  }

  /** A response has come. */
  told(session: OpenSession, mark: Mark | undefined): void {
    if (session.key !== this.note?.key) return;
    this.#touchedAtMs = Math.max(this.#touchedAtMs, session.envelope.touchedAtMs);
    const dot = session.written;
    if (dot === undefined) return;
    const [writer, stamp] = dot;
    const before = this.#dots.get(writer) ?? 0;
    this.#dots.delete(writer);
    this.#dots.set(writer, Math.max(stamp, before));
    if (mark !== undefined) this.#known = [...this.#known, mark];
    const [oldest] = this.#dots.keys();
    if (this.#dots.size <= SLOT_COUNT || oldest === undefined) return;
    // A slot was needed for another process: what it told of is promised no more.
    this.#dots.delete(oldest);
    this.#known = this.#known.filter((known) => known.member.running?.life === mark?.member.running?.life);
  }

  /** What could not be met is replaced by what is there. */
  giveUp(): void {
    this.#dots.clear();
    this.#known = [];
  }
}
