export { cookie, header } from "../http/index.ts";
export { session } from "./session.ts";
export type { FastifySessionOptions } from "./session.ts";
export type { RequestSessionObject } from "./augmentation.ts";
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
