import type { EndReason } from "../../src/engine/envelope.ts";
import type { Dot, SessionKey, WriterId } from "../../src/engine/record.ts";
import type { Delivery } from "../../src/engine/replication.ts";
import type { Life } from "./machine.ts";
import type { Member } from "./members.ts";
import type { TroubleKind } from "./troubles.ts";

/** One write of one request: it adds its number to the session's `marks`, so that every copy tells which writes it has. */
export interface Mark {
  readonly id: number;
  readonly note: SessionNote;
  readonly member: Member;
  readonly atMs: number;
  /** What came of it, as far as its browser knows: `told` had its response, `unknown` none. */
  status: "open" | "told" | "unknown" | "discarded";
  delivery: Delivery | undefined;
  /** From when on every relay had it. */
  settledAtMs: number | undefined;
  /** Its commit, once it was made. */
  dot: Dot | undefined;
  /** Numbers of other writes whose keys it removed from `flags`. */
  removed: readonly number[];
  /** Its process declared every attribute as it is meant: a map that others take for one value is theirs as a whole. */
  isDeclared: boolean;
}

export interface EndNote {
  readonly reason: EndReason;
  readonly member: Member;
  readonly life: Life;
  readonly atMs: number;
  /** The response, if there was one. */
  delivery: Delivery | undefined;
}

/** What is known of one session from outside. */
export interface SessionNote {
  readonly id: string;
  readonly key: SessionKey;
  readonly bornAtMs: number;
  /** Key of the first of the sessions that it goes on from: what is claimed belongs to all of them. */
  readonly firstKey: SessionKey;
  readonly marks: Mark[];
  /** Marks of the session that it goes on from, which it began with. */
  readonly inherited: ReadonlySet<number>;
  readonly ends: EndNote[];
  idleTimeoutMs: number;
  /** The last request that had it and was answered, and the last that may have. */
  usedAtMs: number;
  maybeUsedAtMs: number;
  subject: string | undefined;
  /** The last time that somebody gave it to a subject, or tried to. */
  givenAtMs: number;
  /** How often somebody began to. */
  logins: number;
  /** It was over on everybody at the end of a round. */
  overSinceMs: number | undefined;
  successor: SessionKey | undefined;
  /** Processes that said that it is over. */
  readonly saidOver: Set<Life>;
}

/** Everybody of some subject was to be out, but for one session. */
export interface Revocation {
  readonly atMs: number;
  readonly except: SessionKey | undefined;
}

/** A process lost what it held. */
export interface Loss {
  readonly member: Member;
  readonly atMs: number;
}

export interface Violation {
  readonly law: string;
  readonly what: string;
  readonly atMs: number;
  /** How many things had happened in the world by then. */
  readonly happenings: number;
}

/** A session that was given to its subject so much before a revocation is meant by it, whatever the clocks say. */
export const GIVEN_SLACK_MS = 5_000;

/** How much was done and looked at: a run that did too little proves nothing. */
export interface Tally {
  requests: number;
  /** What the engines were asked to do: sessions opened, commits, ends, changes of id, revocations, claims, jobs. */
  operations: number;
  writes: number;
  told: number;
  acked: number;
  ends: number;
  rotations: number;
  revocations: number;
  claims: number;
  granted: number;
  runs: number;
  unavailable: number;
  behind: number;
  faults: number;
  losses: number;
  checks: number;
  faultKinds: Partial<Record<TroubleKind, number>>;
  healMs: number[];
}

/** One thing that the seed made happen, and that can be left out: `f3` is the third fault, `r12` the twelfth request. */
export interface Incident {
  readonly name: string;
  readonly atMs: number;
  readonly text: string;
}

/** What the outside world did and was told: by this the checkers judge. */
export class History {
  readonly sessions = new Map<SessionKey, SessionNote>();
  readonly marks = new Map<number, Mark>();
  readonly losses: Loss[] = [];
  readonly revocations: Revocation[] = [];
  readonly violations: Violation[] = [];
  readonly incidents: Incident[] = [];
  /** Hears of the first violation, and of each further one. */
  onViolation: () => void = () => undefined;
  readonly tally: Tally = {
    requests: 0,
    operations: 0,
    writes: 0,
    told: 0,
    acked: 0,
    ends: 0,
    rotations: 0,
    revocations: 0,
    claims: 0,
    granted: 0,
    runs: 0,
    unavailable: 0,
    behind: 0,
    faults: 0,
    losses: 0,
    checks: 0,
    faultKinds: {},
    healMs: [],
  };
  /** Who writes under which id, and which commits there are (session's first key, writer, stamp). */
  readonly writers = new Map<WriterId, Life>();
  readonly dots = new Map<string, Mark>();
  /** Which writes a process has shown of each session. */
  readonly #shown = new WeakMap<Life, Map<SessionKey, ReadonlySet<number>>>();
  readonly #now: () => number;
  readonly #happenings: () => number;
  readonly #trace: (line: string) => void;

  constructor(now: () => number, trace: (line: string) => void, happenings: () => number) {
    this.#now = now;
    this.#happenings = happenings;
    this.#trace = trace;
  }

  get nowMs(): number {
    return this.#now();
  }

  trace(line: string): void {
    this.#trace(line);
  }

  /** Looks at one thing that a law says; `what` is told where it does not hold. */
  expect(law: string, holds: boolean, what: () => string): boolean {
    this.tally.checks += 1;
    if (!holds) this.violated(law, what());
    return holds;
  }

  /** It was looked at already, and does not hold. */
  violated(law: string, what: string): void {
    this.violations.push({ law, what, atMs: this.#now(), happenings: this.#happenings() });
    this.#trace(`VIOLATION [${law}] ${what}`);
    this.onViolation();
  }

  fault(number: number, kind: TroubleKind, text: string): void {
    this.tally.faults += 1;
    this.tally.faultKinds[kind] = (this.tally.faultKinds[kind] ?? 0) + 1;
    this.incident(`f${number}`, `${kind}: ${text}`);
  }

  incident(name: string, text: string): void {
    this.incidents.push({ name, atMs: this.#now(), text });
    this.#trace(`${name} ${text}`);
  }

  begin(id: string, key: SessionKey, options: Partial<SessionNote> = {}): SessionNote {
    const nowMs = this.#now();
    const note: SessionNote = {
      id,
      key,
      bornAtMs: nowMs,
      firstKey: key,
      marks: [],
      inherited: new Set(),
      ends: [],
      idleTimeoutMs: 30 * 60_000,
      usedAtMs: nowMs,
      maybeUsedAtMs: nowMs,
      subject: undefined,
      givenAtMs: -Infinity,
      logins: 0,
      overSinceMs: undefined,
      successor: undefined,
      saidOver: new Set(),
      ...options,
    };
    this.sessions.set(key, note);
    return note;
  }

  mark(note: SessionNote, member: Member): Mark {
    const mark: Mark = {
      id: this.marks.size + 1,
      note,
      member,
      atMs: this.#now(),
      status: "open",
      delivery: undefined,
      settledAtMs: undefined,
      dot: undefined,
      removed: [],
      isDeclared: false,
    };
    this.marks.set(mark.id, mark);
    note.marks.push(mark);
    this.tally.writes += 1;
    return mark;
  }

  shownBy(life: Life): Map<SessionKey, ReadonlySet<number>> {
    const shown = this.#shown.get(life) ?? new Map<SessionKey, ReadonlySet<number>>();
    this.#shown.set(life, shown);
    return shown;
  }

  lost(member: Member): void {
    this.losses.push({ member, atMs: this.#now() });
    this.tally.losses += 1;
    this.#trace(`${member.name} lost what it held`);
  }

  /** How many relays, each once, lost what they held since then. */
  relaysLostSince(atMs: number): number {
    return new Set(this.losses.filter((loss) => loss.member.kind === "relay" && loss.atMs >= atMs).map(({ member }) => member)).size;
  }

  isLostSince(member: Member, atMs: number): boolean {
    return this.losses.some((loss) => loss.member === member && loss.atMs >= atMs);
  }

  /** Whether a write must be there: fewer processes lost what they held than had it for certain. */
  mustSurvive(mark: Mark, relayCount: number): boolean {
    if (mark.settledAtMs !== undefined) return this.relaysLostSince(mark.settledAtMs) < relayCount;
    if (mark.status !== "told") return false;
    return !this.isLostSince(mark.member, mark.atMs) || this.relaysLostSince(mark.atMs) < (mark.delivery?.acks ?? 0);
  }

  /** Whether a session must be known to somebody. */
  mustBeKnown(note: SessionNote, relayCount: number): boolean {
    return note.marks.some((mark) => this.mustSurvive(mark, relayCount));
  }

  /**
   * Whether nobody may say that there is none: a relay that once knew it still does, or says that it does not know everything, for as long as
   * anybody has it.
   */
  mustNotBeAbsent(note: SessionNote, relayCount: number): boolean {
    return note.marks.some(({ settledAtMs, delivery, status, atMs, member }) => {
      if (settledAtMs !== undefined) return this.relaysLostSince(settledAtMs) < relayCount || !this.isLostSince(member, settledAtMs);
      const acks = delivery?.acks ?? 0;
      return status === "told" && acks > 0 && (this.relaysLostSince(atMs) < acks || !this.isLostSince(member, atMs));
    });
  }

  /** Whether everybody must know that it is over, once everybody could talk to everybody. */
  mustBeOver(note: SessionNote, relayCount: number): boolean {
    if (note.overSinceMs !== undefined) return this.relaysLostSince(note.overSinceMs) < relayCount;
    return note.ends.some(
      (end) =>
        end.delivery !== undefined &&
        (end.reason !== "revoked" || note.givenAtMs < end.atMs - GIVEN_SLACK_MS) &&
        (!this.isLostSince(end.member, end.atMs) || this.relaysLostSince(end.atMs) < end.delivery.acks),
    );
  }

  /** Whether anybody may say that it is over. */
  mayBeOver(note: SessionNote, slackMs: number): boolean {
    if (note.ends.length > 0 || note.successor !== undefined) return true;
    if (this.#now() > note.usedAtMs + note.idleTimeoutMs - slackMs) return true;
    // Who is given to a subject at about the same time may be meant, too.
    return this.revocations.some(({ atMs, except }) => except !== note.key && note.bornAtMs < atMs + GIVEN_SLACK_MS);
  }
}
