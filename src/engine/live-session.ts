import type { ContainerNode } from "./view.ts";
import { type Envelope, joinEnvelopes, sameEnvelope } from "./envelope.ts";
import { type DocumentContext, SessionDocument } from "./document.ts";
import { type MergeContext, mergeDocuments } from "./merge-records.ts";
import type { Plain } from "./values.ts";
import type { DocumentRecord, Dot, SessionKey, SessionRecord } from "./record.ts";
import type { Fingerprint } from "./replication.ts";

/** What a session adds to the sums of `HotSessions`. */
interface Weight {
  readonly bytes: number;
  readonly unsavedBytes: number;
  readonly ended: number;
}

/** A document of which only the encoded bytes are kept. */
interface Resting {
  readonly context: DocumentContext;
  readonly record: DocumentRecord;
  readonly own: Dot;
}

/** A session in memory. The registry is the only one to make these; there is one a key at any time. */
export class LiveSession {
  readonly key: SessionKey;
  envelope: Envelope;
  /** Counts what has to be stored; `storedVersion` lags behind while it is not. */
  version = 0;
  storedVersion = 0;
  /** The append under way, if any: at most one a session, so that the newest state is stored last. */
  storing: Promise<void> | undefined;
  storedTouchMs = 0;
  /** What `SessionStore.version` said of the state that was taken in last; 0 for none. */
  storeVersion = 0;
  /** The load under way of what other processes stored, if any. */
  refreshing: Promise<LiveSession> | undefined;
  lastChangeAtMs = 0;
  /** Whether the event `many-writers` was raised. */
  isWarned = false;
  /** Whether those who listen know that it ended. */
  isEndTold = false;
  /** What others were told that it is in, where they are told; see `fingerprintOf`. */
  fingerprint: Fingerprint = 0;
  /** The touch that others know of. */
  sentTouchMs: number;
  /** Values of the attributes declared `local`, where there are any: they go with this object. */
  local: Map<string, Plain> | undefined;
  /** False once it went cold: who still holds it brings it back by writing. */
  isHeld = true;
  /** The last use, to a second. This and what follows is kept by `HotSessions`. */
  usedAtMs = 0;
  older: LiveSession | undefined;
  newer: LiveSession | undefined;
  weight: Weight = WEIGHTLESS;
  #document: SessionDocument | undefined;
  #resting: Resting | undefined;

  constructor(envelope: Envelope, document: SessionDocument | undefined) {
    this.key = envelope.key;
    this.envelope = envelope;
    this.#document = document;
    this.sentTouchMs = envelope.touchedAtMs;
  }

  /** Undefined once the session ended. */
  get document(): SessionDocument | undefined {
    if (this.#resting !== undefined) {
      const { context, record, own } = this.#resting;
      this.#document = SessionDocument.load(context, record, own);
      this.#resting = undefined;
    }
    return this.#document;
  }

  set document(document: SessionDocument | undefined) {
    this.#document = document;
    this.#resting = undefined;
    if (document === undefined) this.local = undefined;
  }

  /** Lets go of all but the encoded bytes, for whoever may still hold this session: it reads on, and may come back. */
  rest(context: DocumentContext): void {
    if (this.#document === undefined) return;
    this.#resting = { context, record: this.#document.encode(), own: this.#document.own };
    this.#document = undefined;
  }

  get isStored(): boolean {
    return this.storedVersion === this.version;
  }

  /** Its last touch, too, which alone is not worth an append. */
  get isAllStored(): boolean {
    return this.isStored && this.storedTouchMs === this.envelope.touchedAtMs;
  }

  /**
   * Merges in what another copy of the session says. True when that changed anything.
   * @throws SessionError RECORD_CORRUPT; the session is as it was
   */
  takeIn(record: SessionRecord, merge: (document: SessionDocument, record: DocumentRecord) => boolean): boolean {
    const before = this.envelope;
    this.envelope = joinEnvelopes(before, record.envelope);
    const isEnvelopeChanged = !sameEnvelope(before, this.envelope);
    if (this.envelope.ended !== undefined) this.document = undefined;
    const { document } = this;
    if (document === undefined || record.document === undefined) return isEnvelopeChanged;
    try {
      return merge(document, record.document) || isEnvelopeChanged;
    } catch (error) {
      this.envelope = before;
      throw error;
    }
  }

  /** A use elsewhere. `isTold`: other processes know of it, so this one need not tell them. True when it was news. */
  takeTouch(touchedAtMs: number, isTold: boolean): boolean {
    if (this.envelope.ended !== undefined || touchedAtMs <= this.envelope.touchedAtMs) return false;
    this.envelope = { ...this.envelope, touchedAtMs };
    if (isTold) this.sentTouchMs = Math.max(this.sentTouchMs, touchedAtMs);
    this.version++;
    return true;
  }

  /** The attributes now, without those whose time is over; undefined once it ended. The time is asked for only where something expires. */
  view(nowMs: () => number): ContainerNode | undefined {
    const root = this.document?.root(0);
    return root?.expiries === undefined ? root : this.document?.root(nowMs() - this.envelope.firstCreatedAtMs);
  }

  record(): SessionRecord {
    return { envelope: this.envelope, document: this.#resting?.record ?? this.#document?.encode() };
  }
}

const WEIGHTLESS: Weight = { bytes: 0, unsavedBytes: 0, ended: 0 };

/** Merges a document that the engine trusts, of any epoch. True when that changed anything. */
export function mergeTrusted(document: SessionDocument, record: DocumentRecord, context: MergeContext): boolean {
  const before = document.encode();
  const merged = mergeDocuments(before, record, context);
  if (merged === before) return false;
  document.adopt(merged);
  return true;
}
