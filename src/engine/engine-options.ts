import type { AttributeTypes } from "./attributes/schema.ts";
import { SessionError } from "./errors.ts";
import type { EventListener } from "./events.ts";
import { DEFAULT_LIMITS, DEPTH_MAX, type Limits } from "./limits.ts";
import type { MergeContext } from "./merge-records.ts";
import type { ReplicaHost } from "./replica.ts";
import type { Replication } from "./replication.ts";
import type { SessionStore } from "./session-store.ts";

/** No session lives longer: it bounds how long an end must be remembered. */
export const ABSOLUTE_TIMEOUT_MAX_MS = 30 * 24 * 60 * 60 * 1000;

export interface EngineOptions<Types extends AttributeTypes = AttributeTypes> {
  /** Declared attributes by name, as `{ visits: counter() }`. Others merge by what they hold. */
  readonly attributes?: Types;
  /** Attributes that are always replaced whole, unless declared otherwise. Default: user, passport, auth, account, identity. */
  readonly units?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** How long a session may go unused. Default 30 min; less than `absoluteTimeoutMs`. */
  readonly idleTimeoutMs?: number;
  /** How long a session may live in all. Default 12 h, at most 30 d. */
  readonly absoluteTimeoutMs?: number;
  /** How far the clocks of two nodes may be apart, milliseconds. Default 2,000, at most 30,000. */
  readonly epsilonMs?: number;
  /** Whether responses wait until what they wrote is stored. Default `after`: they do not. */
  readonly persist?: "before" | "after";
  /** Where sessions rest: a store, or what makes one, as `lmdbStore({ path })`. Default: memory. */
  readonly store?: SessionStore | ((context: MergeContext) => SessionStore);
  /** How this process meets others, as `relays([...], { alone: "serve", secret })`. Default: alone. */
  readonly sync?: (host: ReplicaHost) => Replication;
  /** Hears every event; `engine.on` is for those of one type. */
  readonly onEvent?: EventListener;
  /**
   * Key of the hash under which stores and peers know a session's subject. Without it somebody who has the store and a list of your users
   * can tell who has a session. The same in all processes, and for as long as sessions live. Default: none.
   */
  readonly subjectSecret?: string;
}

/** The numbers among the options, with their defaults. */
export interface EngineSettings {
  readonly limits: Limits;
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
  readonly epsilonMs: number;
}

/** @throws SessionError OPTION_INVALID */
export function resolveSettings(options: EngineOptions): EngineSettings {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  for (const [name, limit] of Object.entries<number>({ ...limits }))
    inRange(`limits.${name}`, limit, 1, name === "depth" ? DEPTH_MAX : Number.MAX_SAFE_INTEGER);
  const absoluteTimeoutMs = inRange("absoluteTimeoutMs", options.absoluteTimeoutMs ?? 12 * 60 * 60 * 1000, 1, ABSOLUTE_TIMEOUT_MAX_MS);
  const idleDefault = Math.min(30 * 60 * 1000, absoluteTimeoutMs);
  return {
    limits,
    absoluteTimeoutMs,
    idleTimeoutMs: inRange("idleTimeoutMs", options.idleTimeoutMs ?? idleDefault, 1, absoluteTimeoutMs),
    epsilonMs: inRange("epsilonMs", options.epsilonMs ?? 2_000, 0, 30_000),
  };
}

export function inRange(name: string, value: number, lowest: number, highest: number): number {
  if (!(value >= lowest && value <= highest)) {
    throw new SessionError("OPTION_INVALID", `${name} is ${value}; it must be a number from ${lowest} to ${highest}.`);
  }
  return value;
}
