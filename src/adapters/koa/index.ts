export { session } from "./session.ts";
export type { KoaSessionOptions, SessionMiddleware } from "./session.ts";
export type { ContextSession } from "./augmentation.ts";
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
