import { envelopesOf } from "./directory.ts";
import { ABSOLUTE_TIMEOUT_MAX_MS } from "./engine-options.ts";
import type { Ending } from "./ending.ts";
import type { EndReason } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import type { EventHub } from "./event-hub.ts";
import type { EngineClock } from "./hybrid-clock.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionKey, SubjectKey } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { Replication } from "./replication.ts";
import type { Runtime } from "./runtime.ts";
import type { SessionStore } from "./session-store.ts";
import type { Subjects } from "./subjects.ts";
import { verdict } from "./verdict.ts";

/** What revoking needs of an engine. */
export interface RevokingHost {
  readonly runtime: Pick<Runtime, "monotonicMs">;
  readonly clock: EngineClock;
  readonly subjects: Subjects;
  readonly registry: Registry;
  readonly sessionStore: SessionStore;
  readonly events: EventHub;
  /** How far two clocks may be apart, milliseconds. */
  readonly epsilonMs: number;
  readonly ending: Ending;
  /** Undefined for a process that runs alone. */
  readonly sync: Replication | undefined;
  /** The session that a key stands for now. */
  current(key: SessionKey): Promise<LiveSession | undefined>;
  end(key: SessionKey, reason: EndReason): Promise<unknown>;
  /** Others are told the session whole. */
  committed(live: LiveSession, change: undefined): void;
}

/** All sessions of a subject end, here and elsewhere: registers that only grow, in memory, in the store and on every node. */
export class Revoking {
  readonly #host: RevokingHost;
  /** Raised, and not stored yet or not at all. */
  readonly #unstored = new Map<SubjectKey, Promise<void> | undefined>();

  constructor(host: RevokingHost) {
    this.#host = host;
  }

  /** Whom to let in depends on who was revoked before this process began. @throws SessionError SESSION_UNAVAILABLE */
  known(): Promise<void> | undefined {
    const { subjects, sessionStore, runtime } = this.#host;
    return subjects.known(sessionStore, runtime.monotonicMs(), this.#forgottenMs);
  }

  /** See `SessionEngine.revokeAll`. */
  async revokeAll(subject: string, except: SessionKey | undefined): Promise<void> {
    const host = this.#host;
    const { clock, subjects, registry, sessionStore, events } = host;
    await this.known();
    const subjectKey = subjects.keyOf(subject);
    const kept = except === undefined ? undefined : await host.current(except);
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
    for await (const { key, subjectAtMs, ended } of envelopesOf(registry, sessionStore, subjectKey, events)) {
      if (ended !== undefined || key === kept?.key) continue;
      over.add(key);
      if (subjectAtMs > notBeforeMs && !registry.isHot(key)) notBeforeMs = subjectAtMs;
    }
    if (notBeforeMs > this.#register(subjectKey)) await this.#raise(subjectKey, notBeforeMs, kept);
    await Promise.all(Array.from(over, (key) => host.end(key, "revoked")));
  }

  /** What another process revoked. Resolves when it is stored: true when it was news. @throws SessionError RECORD_CORRUPT, STORE_UNAVAILABLE */
  async receive(subject: SubjectKey, notBeforeMs: number): Promise<boolean> {
    const { clock, subjects, registry, epsilonMs, events, ending } = this.#host;
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
        if (isMeant && verdict(envelope, subjects.revocations, nowMs) === "ended") ending.endLive(live, "revoked").catch(() => undefined);
      }
    }
    if (isNews || this.#unstored.has(subject)) await this.#store(subject);
    return isNews;
  }

  /** Nobody lives whose session was given to its subject before this. */
  readonly #forgottenMs = (): number => this.#host.clock.nowMs() - this.#rememberedMs;

  get #rememberedMs(): number {
    return ABSOLUTE_TIMEOUT_MAX_MS + 3 * this.#host.epsilonMs;
  }

  #register(subject: SubjectKey): number {
    return this.#host.subjects.revocations.get(subject) ?? -1;
  }

  async #raise(subject: SubjectKey, notBeforeMs: number, kept: LiveSession | undefined): Promise<void> {
    const { subjects, registry, sync } = this.#host;
    subjects.raise(subject, notBeforeMs);
    if (kept !== undefined && kept.envelope.subject === subject && kept.envelope.subjectAtMs <= notBeforeMs) {
      const live = registry.reattach(kept);
      live.envelope = { ...live.envelope, subjectAtMs: notBeforeMs + 1 };
      this.#host.committed(live, undefined);
    }
    await Promise.all([sync?.sendRevocation(subject, notBeforeMs), this.#store(subject)]);
  }

  /** Stores the register as it is now, once for all who wait. */
  async #store(subject: SubjectKey): Promise<void> {
    const notBeforeMs = this.#register(subject);
    const storing = this.#host.sessionStore.revoke(subject, notBeforeMs, notBeforeMs + this.#rememberedMs);
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
