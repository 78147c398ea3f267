import type { DocumentContext } from "./document.ts";
import type { EventListener } from "./events.ts";
import type { EngineClock } from "./hybrid-clock.ts";
import type { Limits } from "./limits.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionKey } from "./record.ts";
import type { FetchAnswer } from "./replication.ts";
import type { Runtime } from "./runtime.ts";
import type { SessionStore } from "./session-store.ts";
import type { Revocations } from "./verdict.ts";

/** What a registry needs from around it, and whom it tells. */
export interface RegistryOptions {
  readonly runtime: Runtime;
  readonly clock: EngineClock;
  readonly context: DocumentContext;
  readonly store: SessionStore;
  readonly limits: Limits;
  /** How far two clocks may be apart, milliseconds. */
  readonly epsilonMs: number;
  readonly onEvent: EventListener;
  /** What is revoked now; the engine raises it. */
  readonly revocations: Revocations;
  /** Asks the holders; undefined without replication. */
  readonly fetch: (key: SessionKey, bornAtMs: number | undefined) => Promise<FetchAnswer> | undefined;
  /** What to do with a session from the own store about which not all holders could be asked. Default: serve. */
  readonly alone?: () => "serve" | "refuse";
  /** A session from the own store that no holder has: they are to be told. */
  readonly onUnknownElsewhere?: (session: LiveSession) => void;
  /** Bytes of what was written here and is on no holder yet. */
  readonly unreplicatedBytes?: () => number;
  /** A live session came into memory. */
  readonly onInsert?: (session: LiveSession) => void;
  /** A session changed, or ended; also by what was found at rest. */
  readonly onChange?: (session: LiveSession, origin: "local" | "remote") => void;
  /** The last touch of a session is old, and others do not know of it yet. */
  readonly onTouchDue?: (key: SessionKey, touchedAtMs: number) => void;
  /** This process holds `key` from now on, or no longer. */
  readonly onHold: (key: SessionKey) => void;
  readonly onRelease: (key: SessionKey) => void;
}
