import type { RegenerateOptions, Session as Own, SessionObject } from "../http/index.ts";
import type { SessionData } from "./index.ts";
import type { ClassicStore } from "./store.ts";

/**
 * The types of `req.session` and its neighbours. Two packages may declare a property of one interface only if they give it the same type
 * (TS2717): where express-session's types are installed, theirs are used, with their `SessionData`; where they are not, the imports are
 * `any` and ours are.
 */
// oxlint-disable-next-line typescript/ban-ts-comment -- an error exactly where the optional package is absent, so expect-error cannot say it
/** @ts-ignore */
type PeerSession = import("express-session").Session & Partial<import("express-session").SessionData>;

// oxlint-disable-next-line typescript/ban-ts-comment -- as above
/** @ts-ignore */
type PeerStore = import("express-session").Store & { generate: (req: Express.Request) => void };

type OwnSession = [keyof SessionData] extends [never] ? SessionObject : Own & Partial<SessionData>;

export type RequestSessionObject = [unknown] extends [PeerSession] ? OwnSession : PeerSession;

type RequestSessionStore = [unknown] extends [PeerStore] ? ClassicStore : PeerStore;

declare global {
  // oxlint-disable-next-line typescript/no-namespace -- Express' own way to extend its request
  namespace Express {
    interface Request {
      session: RequestSessionObject;
      sessionID: string;
      sessionStore: RequestSessionStore;
    }
  }
}

// oxlint-disable-next-line typescript/ban-ts-comment -- as above
/** @ts-ignore */
declare module "express-session" {
  /** What ours has beyond theirs. */
  interface Session {
    readonly key: string;
    subject: string | undefined;
    save(): Promise<void>;
    reload(): Promise<void>;
    regenerate(options?: RegenerateOptions): Promise<void>;
    regenerate(options: RegenerateOptions, callback: (error?: unknown) => void): this;
    destroy(): Promise<void>;
  }
}
