export { session } from "./session.ts";
export type { FastifySessionOptions } from "./session.ts";
export type { RequestSessionObject } from "./augmentation.ts";
export type {
  CookieOptions,
  Notice,
  NoticeCode,
  RegenerateOptions,
  Secret,
  Session,
  SessionCallback,
  SessionCookieView,
} from "../http/index.ts";
