import type { ColdTable } from "./cold-table.ts";
import { endedFingerprint, type FingerprintListener, fingerprintOf } from "./fingerprint.ts";
import type { HotSessions } from "./hot-sessions.ts";
import type { LiveSession } from "./live-session.ts";
import type { DocumentRecord, SessionKey, SessionRecord, Stamp, WriterId } from "./record.ts";
import type { Fingerprint } from "./replication.ts";
import type { Tombstones } from "./tombstones.ts";

/** The fingerprints of what a registry holds, and who hears of their changes. Until `keep` is called they cost nothing. */
export class HeldFingerprints {
  listener: FingerprintListener | undefined;
  readonly #hot: HotSessions;
  readonly #cold: ColdTable;
  readonly #ended: Tombstones;
  #isKept = false;

  constructor(hot: HotSessions, cold: ColdTable, ended: Tombstones) {
    this.#hot = hot;
    this.#cold = cold;
    this.#ended = ended;
  }

  /** To be called while nothing rests: of what rests already they are not known. */
  keep(): void {
    if (this.#isKept) return;
    this.#isKept = true;
    this.#cold.keepFingerprints();
    for (const session of this.#hot.values()) session.fingerprint = fingerprintOf(session);
  }

  /** 0 for what is not held. */
  of(key: SessionKey): Fingerprint {
    return this.#hot.get(key)?.fingerprint ?? this.resting(key);
  }

  /** Of what is at rest, or ended; 0 for neither. */
  resting(key: SessionKey): Fingerprint {
    if (!this.#isKept) return 0;
    return this.#cold.fingerprint(key) || (this.#ended.has(key) ? endedFingerprint(key) : 0);
  }

  /** A session in memory changed. */
  changed(session: LiveSession): void {
    if (this.#isKept) this.#tell(session, session.fingerprint);
  }

  /** A session came into memory; `before` is what `resting` said of it. */
  inserted(session: LiveSession, before: Fingerprint): void {
    // One that comes back as it went need not be decoded for that.
    if (this.#isKept && (before === 0 || session.fingerprint !== before)) this.#tell(session, before);
  }

  /** Of a state that is not in memory; 0 where those are not kept. `seen` is called where it is needed. */
  ofRecord({ envelope, document }: SessionRecord, seen: (document: DocumentRecord) => ReadonlyMap<WriterId, Stamp>): Fingerprint {
    if (!this.#isKept) return 0;
    const { key } = envelope;
    return fingerprintOf({ key, envelope, document: document && { epoch: document.epoch, vector: seen(document) } });
  }

  /** A session is at rest here from now on that was not held. */
  restored(key: SessionKey, fingerprint: Fingerprint): void {
    if (fingerprint !== 0) this.listener?.(key, 0, fingerprint);
  }

  /** `before` is what `of` said of it. */
  forgotten(key: SessionKey, before: Fingerprint): void {
    if (before !== 0) this.listener?.(key, before, 0);
  }

  #tell(session: LiveSession, before: Fingerprint): void {
    const after = fingerprintOf(session);
    session.fingerprint = after;
    if (after !== before) this.listener?.(session.key, before, after);
  }
}
