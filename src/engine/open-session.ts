import type { Schema } from "./attributes/schema.ts";
import { CellKind, namedContainer, ROOT_CONTAINER } from "./cells.ts";
import { conflictsOf, shownBy } from "./conflicts.ts";
import type { Sha256 } from "./containers.ts";
import type { DraftRow, SessionDocument } from "./document.ts";
import { ABSOLUTE_TIMEOUT_MAX_MS } from "./engine-options.ts";
import type { Envelope } from "./envelope.ts";
import type { EventHub } from "./event-hub.ts";
import { SessionError } from "./errors.ts";
import { nextStamp } from "./hybrid-clock.ts";
import type { Limits } from "./limits.ts";
import type { LiveSession } from "./live-session.ts";
import type { Change, Dot, SessionKey, SubjectKey } from "./record.ts";
import type { Delivery } from "./replication.ts";
import type { Runtime } from "./runtime.ts";
import type { CommitResult, OpenSession } from "./session-engine.ts";
import { ageOf } from "./session-id.ts";
import type { Plain } from "./values.ts";
import type { Verdict } from "./verdict.ts";
import { ContainerNode } from "./view.ts";
import { WorkingCopy, type WorkingDifference } from "./working-copy.ts";

/** What a cell takes besides its value, generously: its name, its place in a row, its row in the document. */
const CELL_BYTES = 64;

const EMPTY_ROOT = new ContainerNode(ROOT_CONTAINER, CellKind.object, {});

/** What a new session's envelope is made of, where it differs from the engine's defaults. */
export interface Birth {
  readonly absoluteTimeoutMs: number;
  readonly firstCreatedAtMs: number;
  /** Key of the first of the sessions that it goes on from. */
  readonly firstKey: SessionKey | undefined;
  /** The birth that its id tells of. */
  readonly bornAtMs?: number | undefined;
  readonly idleTimeoutMs?: number | undefined;
  readonly subject?: SubjectKey | undefined;
  /** When it was given to it, where that was in the session that it goes on from: a new id saves nobody from a revocation. */
  readonly subjectAtMs?: number | undefined;
}

/** `DraftOptions`, checked, with their defaults. */
export interface DraftSettings {
  readonly absoluteTimeoutMs: number;
  readonly firstCreatedAtMs: number;
  readonly from: RequestSession | undefined;
}

/** What an open session needs of its engine. */
export interface SessionHost {
  readonly schema: Schema;
  readonly limits: Limits;
  readonly sha256: Sha256;
  readonly events: EventHub;
  readonly span: Runtime["span"];
  nowMs(): number;
  keyOf(id: string): SessionKey;
  verdictOf(envelope: Envelope): Verdict;
  newEnvelope(key: SessionKey, birth: Birth): Envelope;
  /** Empty, or a copy of one that it goes on from. */
  newDocument(envelope: Envelope, from: SessionDocument | undefined): SessionDocument;
  /** Takes in a new session. */
  add(envelope: Envelope, document: SessionDocument): LiveSession;
  /** The live session of today, for one that may have gone cold since it was opened. */
  reattach(live: LiveSession): LiveSession;
  touch(live: LiveSession): void;
  setIdleTimeout(live: LiveSession, idleTimeoutMs: number, latestStamp: number): void;
  subjectKey(subject: string): SubjectKey;
  setSubject(live: LiveSession, subject: SubjectKey | undefined): void;
  setSuccessor(live: LiveSession, key: SessionKey, graceMs: number): void;
  /** Tells others. `change` undefined: they are told the session whole. */
  committed(live: LiveSession, change: Change | undefined): void;
  /** See `OpenSession`; undefined: nothing was committed yet. */
  persisted(live: LiveSession | undefined): Promise<Delivery>;
  answerable(live: LiveSession | undefined): Promise<Delivery>;
}

/** One request's view of one session; see `OpenSession`. */
export class RequestSession implements OpenSession {
  readonly #engine: SessionHost;
  #live: LiveSession | undefined;
  #working: WorkingCopy;
  #draftKey: SessionKey | undefined;
  #bornAtMs: number | undefined;
  #idleTimeoutMs: number | undefined;
  #subject: { readonly key: SubjectKey | undefined } | undefined;
  #written: Dot | undefined;
  readonly #draft: DraftSettings | undefined;

  /** @throws what committing `draft.from` throws */
  constructor(engine: SessionHost, live: LiveSession | undefined, draft?: DraftSettings) {
    this.#engine = engine;
    this.#draft = draft;
    draft?.from?.commit();
    this.#live = live;
    const from = draft?.from;
    if (from !== undefined && !from.isNew) {
      // The objects that the application has in hand are those of the session that goes on.
      this.#working = from.#working;
      from.#working = from.#newWorkingCopy();
      return;
    }
    this.#working = this.#newWorkingCopy();
    // One that never began has nothing that could be gone on from, but what its request wrote.
    if (from !== undefined) for (const name of from.names()) this.#working.set(name, from.get(name));
  }

  get key(): SessionKey | undefined {
    return this.#live?.key ?? this.#draftKey;
  }

  get isNew(): boolean {
    return this.#live === undefined;
  }

  get envelope(): Envelope {
    return this.#live?.envelope ?? this.#engine.newEnvelope(this.#draftKey ?? "", this.#birth());
  }

  get(name: string): unknown {
    return this.#working.get(name);
  }

  has(name: string): boolean {
    return this.#working.has(name);
  }

  set(name: string, value: unknown): void {
    this.#working.set(name, value);
  }

  delete(name: string): void {
    this.#working.delete(name);
  }

  names(): string[] {
    return this.#working.names();
  }

  identify(id: string): void {
    if (this.key !== undefined) throw new SessionError("INVARIANT_BROKEN", "A session is identified once; use regenerate() for a new id.");
    this.#draftKey = this.#engine.keyOf(id);
    // So that whoever sees the id knows when its session ends at the latest.
    this.#bornAtMs = ageOf(id)?.bornAtMs;
  }

  verdict(): Verdict {
    return this.#live === undefined ? "alive" : this.#engine.verdictOf(this.#live.envelope);
  }

  touch(): void {
    if (this.#live === undefined) return;
    this.#live = this.#engine.reattach(this.#live);
    this.#engine.touch(this.#live);
  }

  setIdleTimeout(idleTimeoutMs: number): void {
    if (!(idleTimeoutMs > 0)) throw new SessionError("OPTION_INVALID", "An idle timeout is a number of milliseconds above 0.");
    this.#idleTimeoutMs = Math.min(Math.ceil(idleTimeoutMs), ABSOLUTE_TIMEOUT_MAX_MS);
  }

  setSubject(subject: string | undefined): void {
    this.#subject = { key: subject === undefined ? undefined : this.#engine.subjectKey(subject) };
  }

  setSuccessor(key: SessionKey, graceMs: number): void {
    if (this.#live === undefined) throw new SessionError("INVARIANT_BROKEN", "A draft has no successor; identify it anew instead.");
    this.#live = this.#engine.reattach(this.#live);
    this.#engine.setSuccessor(this.#live, key, graceMs);
  }

  isModified(): boolean {
    return this.#working.isModified() || this.#isIdleTimeoutChanged() || this.#isSubjectChanged();
  }

  commit(options?: { readonly evenIfEmpty?: boolean }): CommitResult {
    const isDraft = this.#live === undefined;
    const evenIfEmpty = isDraft && options?.evenIfEmpty === true;
    if (!this.isModified() && !evenIfEmpty) return "unchanged";
    const endSpan = this.#engine.span?.("session.commit", this.key ?? "");
    try {
      const result = this.#live === undefined ? this.#commitDraft(evenIfEmpty) : this.#commitLive(this.#live);
      endSpan?.();
      return result;
    } catch (error) {
      endSpan?.(error);
      throw error;
    }
  }

  persisted(): Promise<Delivery> {
    return this.#engine.persisted(this.#live);
  }

  answerable(): Promise<Delivery> {
    return this.#engine.answerable(this.#live);
  }

  get written(): Dot | undefined {
    return this.#written;
  }

  reload(): void {
    this.#working = this.#newWorkingCopy();
    this.#idleTimeoutMs = undefined;
    this.#subject = undefined;
  }

  #commitLive(before: LiveSession): CommitResult {
    const live = this.#engine.reattach(before);
    this.#live = live;
    if (this.verdict() === "idle") this.touch();
    const { document } = live;
    if (document === undefined || this.verdict() !== "alive") {
      this.#engine.events.emit({ type: "commit-discarded", key: live.key });
      return "discarded";
    }
    const { change, isLocalChange } = this.#write(live, document);
    const isIdleChange = this.#isIdleTimeoutChanged();
    const isSubjectChange = this.#isSubjectChanged();
    if (isSubjectChange) this.#engine.setSubject(live, this.#subject?.key);
    // Said once: a later commit must not say it over what others said meanwhile.
    this.#subject = undefined;
    if (isIdleChange) this.#engine.setIdleTimeout(live, this.#idleTimeoutMs ?? 0, document.latestStamp);
    this.#idleTimeoutMs = undefined;
    const isEnvelopeChange = isIdleChange || isSubjectChange;
    if (change === undefined && !isEnvelopeChange) return isLocalChange ? "committed" : "unchanged";
    this.#engine.committed(live, isEnvelopeChange ? undefined : change);
    return "committed";
  }

  /** The session that this draft goes on from. */
  get #fromLive(): LiveSession | undefined {
    const from = this.#draft?.from;
    return from === undefined ? undefined : from.#live;
  }

  get #fromDocument(): SessionDocument | undefined {
    return this.#fromLive?.document;
  }

  #newWorkingCopy(): WorkingCopy {
    const live = this.#live ?? this.#fromLive;
    const root = live?.view(() => this.#engine.nowMs()) ?? EMPTY_ROOT;
    return new WorkingCopy(root, this.#engine.schema, this.#engine.limits, live?.local);
  }

  #sinceBirthMs({ firstCreatedAtMs }: Envelope): number {
    return this.#engine.nowMs() - firstCreatedAtMs;
  }

  #commitDraft(evenIfEmpty: boolean): CommitResult {
    const key = this.#draftKey;
    if (key === undefined) throw new SessionError("INVARIANT_BROKEN", "A draft is identified before it is committed.");
    const from = this.#fromDocument;
    const envelope = this.#engine.newEnvelope(key, this.#birth());
    const document = this.#engine.newDocument(envelope, from);
    const sinceBirthMs = this.#sinceBirthMs(envelope);
    const { difference, stamp } = this.#difference(envelope, document, document.root(sinceBirthMs));
    const isEmpty = difference.rows.length === 0 && difference.local.size === 0;
    if (isEmpty && from === undefined && !evenIfEmpty) return "unchanged";
    const live = this.#engine.add(envelope, document);
    if (difference.rows.length > 0) this.#wrote(document.commit(difference.rows, stamp));
    // Of what it goes on from, the request has what it was given: what others wrote there meanwhile is no removal by this request, and
    // the objects that it has in hand are shown by the nodes of before.
    this.#working.rebase(difference, from === undefined ? document.root(sinceBirthMs) : undefined);
    keepLocal(live, this.#fromLive?.local);
    keepLocal(live, difference.local);
    this.#live = live;
    this.#idleTimeoutMs = undefined;
    this.#subject = undefined;
    this.#engine.committed(live, undefined);
    return "committed";
  }

  #write(live: LiveSession, document: SessionDocument): { change: Change | undefined; isLocalChange: boolean } {
    const sinceBirthMs = this.#sinceBirthMs(live.envelope);
    const current = document.root(sinceBirthMs);
    const isAlone = current === this.#working.base;
    const { difference, stamp } = this.#difference(live.envelope, document, current);
    const rows = isAlone ? difference.rows : this.#rowsBesideOthers(live.key, difference.rows, document, current);
    const change = rows.length === 0 ? undefined : this.#wrote(document.commit(rows, stamp));
    this.#working.rebase(difference, isAlone ? document.root(sinceBirthMs) : undefined);
    keepLocal(live, difference.local);
    return { change, isLocalChange: difference.local.size > 0 };
  }

  #wrote(change: Change): Change {
    this.#written = [change.writer, change.stamp];
    return change;
  }

  /** Others wrote since this request was given its session. */
  #rowsBesideOthers(key: SessionKey, rows: readonly DraftRow[], document: SessionDocument, current: ContainerNode): readonly DraftRow[] {
    const visible = visibleRows(rows, (containerId) => document.holds(containerId, current));
    for (const conflict of conflictsOf(document.parts().table, visible, shownBy(this.#working.base)))
      this.#engine.events.emit({ type: "conflict", key, ...conflict });
    return visible;
  }

  /** @throws SessionError LIMIT_EXCEEDED, before anything is changed */
  #difference(envelope: Envelope, document: SessionDocument, current: ContainerNode): { difference: WorkingDifference; stamp: number } {
    const stamp = nextStamp(this.#engine.nowMs(), envelope.firstCreatedAtMs, document.latestStamp);
    const difference = this.#working.difference({
      sha256: this.#engine.sha256,
      writer: document.writer,
      stamp,
      removalFloor: document.removalFloor,
      current,
      counterPart: (containerId, part) => document.counterPart(containerId, part),
    });
    const { sessionBytes } = this.#engine.limits;
    const estimate = difference.valueBytes + (difference.cellCount + difference.rows.length) * CELL_BYTES;
    const sizeAfter = difference.rows.length === 0 ? 0 : document.sizeAfter(difference.rows, stamp, estimate, sessionBytes);
    // What grew too large by a merge may always be made smaller.
    if (sizeAfter > sessionBytes && sizeAfter > document.genesis().bytes.length) {
      throw new SessionError(
        "LIMIT_EXCEEDED",
        `The session would be larger than limits.sessionBytes (${sessionBytes}); remove what is not needed, or raise the limit.`,
      );
    }
    return { difference, stamp };
  }

  #birth(): Birth {
    const from = this.#fromLive?.envelope;
    return {
      absoluteTimeoutMs: this.#draft?.absoluteTimeoutMs ?? ABSOLUTE_TIMEOUT_MAX_MS,
      firstCreatedAtMs: this.#draft?.firstCreatedAtMs ?? Infinity,
      firstKey: from?.firstKey,
      bornAtMs: this.#bornAtMs,
      idleTimeoutMs: this.#idleTimeoutMs ?? from?.idleTimeoutMs,
      subject: this.#subject === undefined ? from?.subject : this.#subject.key,
      subjectAtMs: this.#subject === undefined || this.#subject.key === from?.subject ? from?.subjectAtMs : undefined,
    };
  }

  #isSubjectChanged(): boolean {
    return this.#subject !== undefined && this.#live !== undefined && this.#live.envelope.subject !== this.#subject.key;
  }

  #isIdleTimeoutChanged(): boolean {
    return this.#idleTimeoutMs !== undefined && this.#live !== undefined && this.#live.envelope.idleTimeoutMs !== this.#idleTimeoutMs;
  }
}

function keepLocal(live: LiveSession, changed: ReadonlyMap<string, Plain | undefined> | undefined): void {
  if (changed === undefined || changed.size === 0) return;
  live.local ??= new Map();
  for (const [name, value] of changed) {
    if (value === undefined) live.local.delete(name);
    else live.local.set(name, value);
  }
}

/**
 * The rows that somebody will see: writes into containers that were removed or replaced since the request was given them lose
 * to that removal.
 */
function visibleRows(rows: readonly DraftRow[], holds: (containerId: string) => boolean): DraftRow[] {
  const visible = new Set<DraftRow>();
  const named = new Set<string>();
  const isVisible = (row: DraftRow): boolean => row.containerId === ROOT_CONTAINER || named.has(row.containerId) || holds(row.containerId);
  for (let grew = true; grew;) {
    grew = false;
    for (const row of rows) {
      if (visible.has(row) || !isVisible(row)) continue;
      visible.add(row);
      grew = true;
      for (const cell of row.cells) {
        const id = namedContainer(cell);
        if (id !== undefined) named.add(id);
      }
    }
  }
  return rows.filter((row) => visible.has(row));
}
