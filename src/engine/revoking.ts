import { envelopesOf } from "./directory.ts";
import { ABSOLUTE_TIMEOUT_MAX_MS } from "./engine-options.ts";
import { SessionError } from "./errors.ts";
import type { EventHub } from "./event-hub.ts";
import type { EngineClock } from "./hybrid-clock.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionKey, SubjectKey } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { Runtime } from "./runtime.ts";
import type { SessionStore } from "./session-store.ts";
import type { Subjects } from "./subjects.ts";
import { verdict } from "./verdict.ts";

export interface RevokingOptions {
  readonly runtime: Pick<Runtime, "monotonicMs">;
  readonly clock: EngineClock;
  readonly subjects: Subjects;
  readonly registry: Registry;
  readonly store: SessionStore;
  readonly events: EventHub;
  /** How far two clocks may be apart, milliseconds. */
  readonly epsilonMs: number;
  /** The session that a key stands for now. */
  readonly current: (key: SessionKey) => Promise<LiveSession | undefined>;
  readonly end: (key: SessionKey) => Promise<unknown>;
  readonly endLive: (live: LiveSession) => Promise<unknown>;
  /** Others are told the session whole. */
  readonly committed: (live: LiveSession) => void;
  /** Others are told of a register; undefined where there are none. */
  readonly send: (subject: SubjectKey, notBeforeMs: number) => Promise<unknown> | undefined;
}

/** All sessions of a subject end, here and elsewhere: registers that only grow, in memory, in the store and on every node. */
export class Revoking {
  readonly #options: RevokingOptions;
  /** Raised, and not stored yet or not at all. */
  readonly #unstored = new Map<SubjectKey, Promise<void> | undefined>();

  constructor(options: RevokingOptions) {
    this.#options = options;
  }

  /** Whom to let in depends on who was revoked before this process began. @throws SessionError SESSION_UNAVAILABLE */
  known(): Promise<void> | undefined {
    const { subjects, store, runtime } = this.#options;
    return subjects.known(store, runtime.monotonicMs(), this.#forgottenMs);
  }

  /** See `SessionEngine.revokeAll`. */
  async revokeAll(subject: string, except: SessionKey | undefined): Promise<void> {
    const { clock, subjects, registry, store, events, current, end } = this.#options;
    await this.known();
    const subjectKey = subjects.keyOf(subject);
    const kept = except === undefined ? undefined : await current(except);
    const over = new Set<SessionKey>();
    // The register first: whatever comes in from here on is judged by it, and what cannot be read now cannot get by it, either.
    let notBeforeMs = subjects.givenAtMs(subjectKey, clock.nowMs());
    for (const { key, envelope } of registry.hotSessions) {
      if (envelope.subject !== subjectKey || key === kept?.key) continue;
      over.add(key);
      // A node whose clock is fast may have given it out.
      notBeforeMs = Math.max(notBeforeMs, envelope.subjectAtMs);
    }
    await this.#raise(subjectKey, notBeforeMs, kept);
    for await (const { key, subjectAtMs, ended } of envelopesOf(registry, store, subjectKey, events)) {
      if (ended !== undefined || key === kept?.key) continue;
      over.add(key);
      if (subjectAtMs > notBeforeMs && !registry.isHot(key)) notBeforeMs = subjectAtMs;
    }
    if (notBeforeMs > this.#register(subjectKey)) await this.#raise(subjectKey, notBeforeMs, kept);
    await Promise.all(Array.from(over, end));
  }

  /** What another process revoked. Resolves when it is stored: true when it was news. @throws SessionError RECORD_CORRUPT, STORE_UNAVAILABLE */
  async receive(subject: SubjectKey, notBeforeMs: number): Promise<boolean> {
    const { clock, subjects, registry, epsilonMs, events, endLive } = this.#options;
    const aheadMs = notBeforeMs - clock.nowMs();
    if (!Number.isSafeInteger(notBeforeMs) || notBeforeMs < 0 || aheadMs > ABSOLUTE_TIMEOUT_MAX_MS)
      throw new SessionError("RECORD_CORRUPT", "A revocation from a peer has no possible time; nothing was changed.");
    await this.known()?.catch(() => undefined);
    const isNews = notBeforeMs > this.#register(subject);
    if (isNews) {
      // Taken all the same: whoever logs in from now on is given his session after it.
      if (aheadMs > epsilonMs) events.emit({ type: "clock-fault", key: undefined, aheadMs });
      subjects.raise(subject, notBeforeMs);
      const nowMs = clock.nowMs();
      for (const live of Array.from(registry.hotSessions)) {
        const { envelope } = live;
        const isMeant = envelope.subject === subject && envelope.ended === undefined;
        if (isMeant && verdict(envelope, subjects.revocations, nowMs) === "ended") endLive(live).catch(() => undefined);
      }
    }
    if (isNews || this.#unstored.has(subject)) await this.#store(subject);
    return isNews;
  }

  /** Nobody lives whose session was given to its subject before this. */
  readonly #forgottenMs = (): number => this.#options.clock.nowMs() - this.#rememberedMs;

  get #rememberedMs(): number {
    return ABSOLUTE_TIMEOUT_MAX_MS + 3 * this.#options.epsilonMs;
  }

  #register(subject: SubjectKey): number {
    return this.#options.subjects.revocations.get(subject) ?? -1;
  }

  async #raise(subject: SubjectKey, notBeforeMs: number, kept: LiveSession | undefined): Promise<void> {
    const { subjects, registry, committed, send } = this.#options;
    subjects.raise(subject, notBeforeMs);
    if (kept !== undefined && kept.envelope.subject === subject && kept.envelope.subjectAtMs <= notBeforeMs) {
      const live = registry.reattach(kept);
      live.envelope = { ...live.envelope, subjectAtMs: notBeforeMs + 1 };
      committed(live);
    }
    await Promise.all([send(subject, notBeforeMs), this.#store(subject)]);
  }

  /** Stores the register as it is now, once for all who wait. */
  async #store(subject: SubjectKey): Promise<void> {
    const notBeforeMs = this.#register(subject);
    const storing = this.#options.store.revoke(subject, notBeforeMs, notBeforeMs + this.#rememberedMs);
    this.#unstored.set(subject, storing);
    try {
      await storing;
      if (this.#unstored.get(subject) === storing) this.#unstored.delete(subject);
    } catch (error) {
      if (this.#unstored.get(subject) === storing) this.#unstored.set(subject, undefined);
      throw error;
    }
  }
}
