export { cookie, header } from "../http/index.ts";
export { session } from "./session.ts";
export type { NodeSession, SessionSource } from "./session.ts";
export type { NodeSessionOptions } from "./options.ts";
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
