import type { SessionObject } from "../http/index.ts";

/**
 * The type of `req.session`. Two packages may declare a property of one interface only if they give it the same type (TS2717): where
 * express-session's types are installed, theirs is used, with their `SessionData`; where they are not, the import is `any` and ours is.
 */
// oxlint-disable-next-line typescript/ban-ts-comment -- an error exactly where the optional package is absent, so expect-error cannot say it
/** @ts-ignore */
type PeerSession = import("express-session").Session & Partial<import("express-session").SessionData>;

export type RequestSessionObject = [unknown] extends [PeerSession] ? SessionObject : PeerSession;

declare global {
  // oxlint-disable-next-line typescript/no-namespace -- Express' own way to extend its request
  namespace Express {
    interface Request {
      session: RequestSessionObject;
      sessionID: string;
    }
  }
}
