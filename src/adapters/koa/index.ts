export { cookie, header } from "../http/index.ts";
export { session } from "./session.ts";
export type { KoaSessionOptions, SessionMiddleware } from "./session.ts";
export type { ContextSession } from "./augmentation.ts";
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
