import type { Session as SessionSurface } from "../http/index.ts";
import { ClassicSession } from "./store.ts";

export { cookie, header, url } from "../http/index.ts";
// oxlint-disable-next-line import/no-default-export -- express-session is a default import in most applications
export { session, session as default } from "./session.ts";
export { Cookie } from "./classic-cookie.ts";
export { EngineStore as MemoryStore } from "./engine-store.ts";
export { Store } from "./store.ts";
export type { SessionMiddleware } from "./session.ts";
export type { ExpressSessionOptions } from "./options.ts";
export type { RequestSessionObject } from "./augmentation.ts";
export type { ClassicStore, StoreConstructor } from "./store.ts";
export type {
  ClassicData,
  CookieData,
  CookieOptions,
  Notice,
  NoticeCode,
  RegenerateOptions,
  Resolver,
  Secret,
  SessionCallback,
  SessionCookieView,
  StoreCallback,
} from "../http/index.ts";

/** The type of `req.session` without its attributes; as a class, what `session.Session` is. */
export interface Session extends SessionSurface {}
export const Session: typeof ClassicSession = ClassicSession;

/**
 * What an application keeps in its sessions, for the type of `req.session`:
 * `declare module "converge-session/express" { interface SessionData { cart: string[] } }`. Left empty, attributes are unknown until
 * they are looked at. Where express-session's types are installed, its own `SessionData` is used instead.
 */
export interface SessionData {}
