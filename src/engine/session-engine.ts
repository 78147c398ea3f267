import type { EndReason, Envelope } from "./envelope.ts";
import type { SessionEvent } from "./events.ts";
import type { ReplicaHost } from "./replica.ts";
import type { Delivery } from "./replication.ts";
import type { Dot, SessionKey } from "./record.ts";
import type { EngineStats } from "./stats.ts";
import type { Verdict } from "./verdict.ts";

/** Attributes by name. What `createEngine({ attributes })` and `SessionDataOf` infer is one of these. */
export type SessionData = Record<string, unknown>;

/**
 * The engine as applications use it: `open` and what follows it. The part above is for adapters. Made by `createEngine(options)`.
 * `Data` is the type of the attributes, inferred from the option `attributes`.
 */
export interface SessionEngine<Data extends object = SessionData> {
  /** Resolves when the store is open and replication has tried to reach its holders once. Requests need not wait for it. */
  readonly ready: Promise<void>;
  /** Whether other processes hold the session, too: only then a browser must tell what it has seen. */
  readonly isShared: boolean;
  /** `before`: adapters wait for `OpenSession.answerable()` before they answer. Also where `acks` of holders are wanted. */
  readonly persist: "before" | "after";
  /** For `replicaOf`: how replication gets at the sessions, also in a relay, which is an engine without requests. */
  readonly host: ReplicaHost;

  /**
   * A new id: base64url of 32 random bytes, the birth time and how long its session may live. A bearer secret: it belongs in the cookie only.
   * For a draft with an absolute timeout of its own, give it here, too.
   */
  issueId(options?: { readonly absoluteTimeoutMs?: number }): string;
  /** What everybody but the browser calls the session that has this id. Costs one SHA-256. */
  keyOf(id: string): SessionKey;
  /** Whether an id is dead by its age: its session, if it had one, is past its absolute timeout. Asks nobody. */
  isPastLife(id: string): boolean;

  /** An empty session that does not exist anywhere yet: it begins to exist with its first commit, after `identify`. */
  draft(options?: DraftOptions): OpenSession;
  /** The session if it is held in memory and alive: no wait. Undefined means: ask `checkOut`. */
  checkOutHot(key: SessionKey, seen?: Seen): OpenSession | undefined;
  /** Whether the session is in memory, alive and has this commit, and the clock is past `atMs`: who says so, and uses it, tells nothing new. */
  hasPassed(key: SessionKey, dot: Dot, atMs: number): boolean;
  /**
   * One request's view of the session, from memory, the store or the holders. A session found idle is ended (`expired`), finally.
   * During the grace of a rotation it is the successor's.
   * @throws SessionError SESSION_UNAVAILABLE when nobody who could know it answered.
   */
  checkOut(key: SessionKey, options?: CheckOutOptions): Promise<CheckOut>;

  /**
   * A session for code outside a request, such as a socket or a job. Undefined when it is absent or over. Opening is no use of it.
   * @throws SessionError SESSION_UNAVAILABLE
   */
  open(key: SessionKey): Promise<SessionHandle<Data> | undefined>;
  /** The same by the id that a verified cookie holds. */
  openById(id: string): Promise<SessionHandle<Data> | undefined>;
  /**
   * Ends a session, finally and everywhere; also one that is not held here. Resolves after the store and the acks of all
   * connected holders, at the latest after `ackTimeoutMs`; never rejects for want of acks, the result says what is known.
   */
  end(key: SessionKey, reason?: EndReason): Promise<Delivery>;
  /** `end(key, "rotated")`, and an event that tells which session goes on in its place. */
  rotate(key: SessionKey, nextKey: SessionKey): Promise<Delivery>;
  /**
   * True for at most one caller in the life of the session, for whatever `token` names: a ticket, a form, a payment. In one process, in
   * several that share a store on disk, or on all nodes of the same relays: a majority of those grants.
   * @throws SessionError CLAIM_UNAVAILABLE when whoever grants it could not be asked; SESSION_ENDED.
   */
  claim(key: SessionKey, token: string): Promise<boolean>;
  /**
   * Runs `run` in one place at a time for each (session, name): who calls meanwhile waits for that result. If the runner dies, or takes
   * longer than its lease, the next caller runs. Not remembered: a call after the end runs again.
   * @throws SessionError CLAIM_UNAVAILABLE when it was taken elsewhere for all of `waitMs`, or nobody could be asked; and what `run` throws, for everybody who waits.
   */
  once<T>(key: SessionKey, name: string, run: () => T | Promise<T>, options?: OnceOptions): Promise<T>;

  /** The sessions that are alive, in no order, of all that this process and its store know. With a subject those that belong to it. */
  sessions(options?: { readonly subject?: string }): AsyncIterable<SessionSummary>;
  /** How many `sessions()` would give. Looks at each: for operators, not for requests. */
  count(): Promise<number>;
  /** Ends all of them (`destroyed`); resolves to how many. */
  clear(): Promise<number>;
  /**
   * Ends all sessions that belong to `subject`; `except` goes on. Those that only come to light later, in this process or in one that shares
   * the store, are over, too: the instant is stored and told to all nodes. Resolves when it is stored, and the holders that can be reached
   * have acknowledged it, at the latest after `ackTimeoutMs`. Logging in again works at once.
   */
  revokeAll(subject: string, options?: { readonly except?: SessionKey }): Promise<void>;

  stats(): EngineStats;
  /** Calls `listener` with every event of this type, or of any type for `*`. What it throws harms nobody. Returns a function that stops it. */
  on<Type extends SessionEvent["type"]>(type: Type, listener: (event: Extract<SessionEvent, { type: Type }>) => void): () => void;
  on(type: "*", listener: (event: SessionEvent) => void): () => void;
  /** Stops the sweeper, stores what is not stored yet, closes replication and store. No handle is left. Idempotent. */
  close(): Promise<void>;
}

export interface DraftOptions {
  /** How long it may live in all, from now on. Default: the engine's `absoluteTimeoutMs`. At most 30 d after the first birth. */
  readonly absoluteTimeoutMs?: number;
  /**
   * The session that it goes on from, of this engine: it begins with what that one holds, and what others still write to that one during
   * the grace of its successor comes along. What was not committed there yet is committed first.
   */
  readonly from?: OpenSession;
  /** Birth of the first session that it goes on from. Default: that of `from`, otherwise now. */
  readonly firstCreatedAtMs?: number;
}

export interface OnceOptions {
  /** The longest that one run may take before another may begin. Default 30,000. */
  readonly leaseMs?: number;
  /** The longest that a caller waits for the run of another. Default `leaseMs`. */
  readonly waitMs?: number;
}

/** What a browser brings with the id of its session. */
export interface CheckOutOptions {
  /** The birth time that the id says (`ageOf`), where it says one: how far back a holder must remember for its "there is none" to count. */
  readonly bornAtMs?: number | undefined;
  readonly seen?: Seen | undefined;
}

/**
 * What a browser has seen of its session, of whatever node (DESIGN section 5, read your writes). Replicas are causally closed, so one
 * dot stands for all that its author had seen.
 */
export interface Seen {
  readonly dots: readonly Dot[];
  /** Its last use that it was told of; 0 for none. Holds only what this or another node of the same secret signed. */
  readonly touchedAtMs: number;
}

export type CheckOut =
  /**
   * `follows`: the key was rotated, and this is the session that goes on in its place. `isBehind`: what the browser had seen (`seen`) could
   * not be had in time; tell it anew what it sees, or every request waits.
   */
  | { readonly kind: "alive"; readonly session: OpenSession; readonly follows: boolean; readonly isBehind: boolean }
  /** Nobody has it, or it is past its absolute timeout by age. */
  | { readonly kind: "absent" }
  | { readonly kind: "ended"; readonly reason: EndReason; readonly atMs: number };

/** One request's view of one session: a working copy, and the difference back. Not shared between requests. */
export interface OpenSession {
  /** Undefined for a draft that was not identified yet. */
  readonly key: SessionKey | undefined;
  /** True until the first commit of a draft. */
  readonly isNew: boolean;
  readonly envelope: Envelope;

  /** Attributes by name: plain values, objects and arrays that may be mutated in place; copied on first touch. */
  get(name: string): unknown;
  has(name: string): boolean;
  /** @throws SessionError ATTRIBUTE_NAME_REFUSED for names that cannot be stored. Values are checked at commit. */
  set(name: string, value: unknown): void;
  delete(name: string): void;
  /** In the order in which `Object.keys` gives them: those of the base by name, then new ones as they were set. */
  names(): string[];

  /** Names the session that a draft will become. Once. */
  identify(id: string): void;
  /** What the current envelope says now: it may have ended since it was opened. */
  verdict(): Verdict;
  /** Counts as use: the idle timeout starts again. Cheap, coalesced on the way to others. No-op once ended. */
  touch(): void;
  /** Sets this session's idle timeout; takes effect with the next commit. Milliseconds, 1 to 30 d; more is taken as 30 d. */
  setIdleTimeout(idleTimeoutMs: number): void;
  /** Says whom the session belongs to (`revokeAll`, `sessions`); undefined for nobody. Takes effect with the next commit. */
  setSubject(subject: string | undefined): void;
  /**
   * Names the session that goes on in place of this one, a committed draft `from` it: until `graceMs` (1 ms to a day) from now requests for
   * this one get that one. Takes effect at once.
   * @throws SessionError SESSION_ROTATED when another request did so before, SESSION_ENDED.
   */
  setSuccessor(key: SessionKey, graceMs: number): void;
  /** True when `commit` would write something. Costs the comparison. */
  isModified(): boolean;
  /**
   * Writes the difference between the working copy and what this request was given, as one change, in this tick.
   * May be called more than once; each call writes what changed since the one before. Nothing changed: nothing written.
   * `evenIfEmpty` lets a draft without attributes begin to exist.
   * @throws SessionError VALUE_REFUSED, LIMIT_EXCEEDED: the session is as it was before the call.
   */
  commit(options?: { readonly evenIfEmpty?: boolean }): CommitResult;
  /**
   * Resolves when all that this handle committed is stored, and on as many holders as `acks` wants.
   * @throws SessionError STORE_UNAVAILABLE; ACKS_MISSING with `degraded: "fail"`, when they did not say so in time: whether it lasts is unknown.
   */
  persisted(): Promise<Delivery>;
  /** What a response waits for where `SessionEngine.persist` is `before`: as `persisted`, but for the store only where that was asked for. */
  answerable(): Promise<Delivery>;
  /** The newest commit of this process to the session that this handle made, or undefined: what its browser must find everywhere from now on. */
  readonly written: Dot | undefined;
  /** Forgets the local edits: the working copy is again what the session holds now. */
  reload(): void;
}

/** `discarded`: the session ended meanwhile, so the writes went nowhere (an event says so too). */
export type CommitResult = "unchanged" | "committed" | "discarded";

/** A session held by code outside a request. It holds nothing open, keeps no session alive, and needs no closing. */
export interface SessionHandle<Data extends object = SessionData> {
  /** Another one once the session was rotated with a grace: the handle goes on with what goes on in its place. */
  readonly key: SessionKey;
  /** What the session's envelope says now. */
  verdict(): Verdict;
  /** A copy of one attribute as this process knows it now; undefined once the session is over. */
  get<Name extends keyof Data & string>(name: Name): Data[Name] | undefined;
  /** A copy of all attributes. */
  data(): Partial<Data>;
  /**
   * Runs `change` on a working copy and commits what it changed, as one change; with `persist: "before"` it is stored, and with `acks`
   * the holders have it, when this resolves. `change` may be asynchronous: others may write meanwhile, and what they write merges.
   * @throws SessionError VALUE_REFUSED, LIMIT_EXCEEDED; SESSION_ENDED when the session is over; and what `change` throws: nothing is written
   * then. STORE_UNAVAILABLE, ACKS_MISSING: it is written, and whether it lasts is unknown.
   */
  change(change: (draft: Partial<Data>) => void | Promise<void>): Promise<void>;
  /** Counts as use of the session. */
  touch(): void;
  /**
   * Calls `listener` after every commit to the session, by whomever, and once with `ended` when it is over; then never again.
   * What it throws harms nobody. Returns a function that stops it.
   */
  observe(listener: (change: SessionChange) => void): () => void;
  /** Ends the session, finally and everywhere. */
  end(reason?: EndReason): Promise<Delivery>;
  claim(token: string): Promise<boolean>;
  once<T>(name: string, run: () => T | Promise<T>, options?: OnceOptions): Promise<T>;
}

/** What one commit, or the end, did to a session. `names` of attributes; `local`: written by this process. */
export type SessionChange =
  | { readonly type: "changed"; readonly origin: "local" | "remote"; readonly names: readonly string[] }
  | { readonly type: "ended"; readonly reason: EndReason };

/** A session as lists show it: nothing in it opens the session, and nothing is of its contents. */
export interface SessionSummary {
  readonly key: SessionKey;
  readonly createdAtMs: number;
  readonly touchedAtMs: number;
  readonly idleTimeoutMs: number;
  readonly deadlineMs: number;
}
