import type { Runtime, SessionEngine } from "../../engine/index.ts";
import type { SessionCookie } from "./cookie.ts";
import type { Notices } from "./notices.ts";

/** What the requests of one middleware have in common. */
export interface AdapterSettings {
  readonly engine: SessionEngine;
  readonly cookie: SessionCookie;
  readonly notices: Notices;
  /** For messages: `Express`, and `req.session`. */
  readonly adapter: string;
  readonly accessor: string;
  readonly saveUninitialized: boolean;
  readonly rolling: boolean;
  /** The longest that a request waits for a load, a store or an end. */
  readonly waitMs: number;
  readonly setTimer: Runtime["setTimer"];
}
