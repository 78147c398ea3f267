export { cookie, header } from "../http/index.ts";
// oxlint-disable-next-line import/no-default-export -- koa-session is a default import in most applications
export { session, session as default } from "./session.ts";
export type { SessionMiddleware } from "./session.ts";
export type { ExternalKey, KoaApplication, KoaSessionOptions } from "./options.ts";
export type { KoaStore } from "./external-store.ts";
export type { OptionView } from "./option-view.ts";
export type { KoaSession } from "./surface.ts";
export type { ContextSession, SessionContext, SessionObject } from "./augmentation.ts";
export type {
  CookieData,
  CookieOptions,
  Notice,
  NoticeCode,
  RegenerateOptions,
  Resolver,
  Secret,
  Session,
  SessionCallback,
  SessionCookieView,
} from "../http/index.ts";

/**
 * What an application keeps in its sessions, for the type of `ctx.session`:
 * `declare module "converge-session/koa" { interface SessionData { cart: string[] } }`. Left empty, attributes are unknown until
 * they are looked at.
 */
export interface SessionData {}
