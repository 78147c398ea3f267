import type { Runtime, SessionEngine } from "../../engine/index.ts";
import type { Carrier } from "./carrier.ts";
import type { SessionCookie } from "./cookie.ts";
import type { Notices } from "./notices.ts";
import type { SessionSurface } from "./session.ts";

/** What the requests of one middleware have in common. */
export interface AdapterSettings {
  readonly engine: SessionEngine;
  /** The cookie of a request; the same for all, unless the option `cookie` is a function. */
  readonly cookieOf: (request: unknown) => SessionCookie;
  /** In the order of the option `resolver`. */
  readonly carriers: readonly Carrier[];
  readonly notices: Notices;
  /** For messages: `Express`, and `req.session`. */
  readonly adapter: string;
  readonly accessor: string;
  /** Whether `cookie` is listed among a session's properties, as the framework's own library does. */
  readonly listsCookie: boolean;
  /** What sessions have besides attributes, where that is not what all frameworks have. */
  readonly surface: SessionSurface | undefined;
  readonly saveUninitialized: boolean;
  readonly rolling: boolean;
  readonly genid: ((request: never) => string) | undefined;
  readonly subject: ((data: Record<string, unknown>) => string | undefined) | undefined;
  /** The longest that a request waits for a load, a store or an end. */
  readonly waitMs: number;
  readonly setTimer: Runtime["setTimer"];
}
