import type { EndReason, Envelope } from "./envelope.ts";
import type { ReplicaHost } from "./replica.ts";
import type { Delivery } from "./replication.ts";
import type { SessionKey } from "./record.ts";
import type { Verdict } from "./verdict.ts";

/** The engine as adapters and applications use it. Made by `createEngine(options)` in src/runtime. */
export interface SessionEngine {
  /** Resolves when the store is open and replication has tried to reach its holders once. Requests need not wait for it. */
  readonly ready: Promise<void>;
  /** `before`: adapters wait for `OpenSession.persisted()` before they answer. */
  readonly persist: "before" | "after";
  /** For `replicaOf`: how replication gets at the sessions, also in a relay, which is an engine without requests. */
  readonly host: ReplicaHost;

  /** A new id: base64url of 32 random bytes and the birth time. A bearer secret: it belongs in the cookie only. */
  issueId(): string;
  /** What everybody but the browser calls the session that has this id. Costs one SHA-256. */
  keyOf(id: string): SessionKey;

  /** Whether an id is dead by its age: its session, if it had one, is past its absolute timeout. Asks nobody. */
  isPastLife(id: string): boolean;

  /** An empty session that does not exist anywhere yet: it begins to exist with its first commit, after `identify`. */
  draft(): OpenSession;
  /** The session if it is held in memory and alive: no wait. Undefined means: ask `open`. */
  openHot(key: SessionKey): OpenSession | undefined;
  /**
   * The session, from memory, the store or the holders. A session found idle is ended (`expired`), finally.
   * @throws SessionError SESSION_UNAVAILABLE when nobody who could know it answered.
   */
  open(key: SessionKey): Promise<OpenResult>;
  /**
   * Ends a session, finally and everywhere; also one that is not held here. Resolves after the store and the acks of all
   * connected holders, at the latest after `ackTimeoutMs`; never rejects for want of acks, the result says what is known.
   */
  end(key: SessionKey, reason: EndReason): Promise<Delivery>;
  /** Stops the sweeper, stores what is not stored yet, closes replication and store. No handle is left. Idempotent. */
  close(): Promise<void>;
}

export type OpenResult =
  | { readonly kind: "alive"; readonly session: OpenSession }
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
  /** Sets this session's idle timeout; takes effect with the next commit. Milliseconds, > 0. */
  setIdleTimeout(idleTimeoutMs: number): void;
  /** True when `commit` would write something. Costs the comparison. */
  isModified(): boolean;
  /**
   * Writes the difference between the working copy and what this request was given, as one change, in this tick.
   * May be called more than once; each call writes what changed since the one before. Nothing changed: nothing written.
   * `evenIfEmpty` lets a draft without attributes begin to exist.
   * @throws SessionError VALUE_REFUSED, LIMIT_EXCEEDED: the session is as it was before the call.
   */
  commit(options?: { readonly evenIfEmpty?: boolean }): CommitResult;
  /** Resolves when all that this handle committed is stored. */
  persisted(): Promise<void>;
  /** Forgets the local edits: the working copy is again what the session holds now. */
  reload(): void;
}

/** `discarded`: the session ended meanwhile, so the writes went nowhere (an event says so too). */
export type CommitResult = "unchanged" | "committed" | "discarded";
