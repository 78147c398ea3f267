export { session } from "./session.ts";
export type { KoaSessionOptions, SessionMiddleware } from "./session.ts";
export type { ContextSession } from "./augmentation.ts";
export { Session } from "../http/index.ts";
export type { CookieOptions, Notice, NoticeCode, RegenerateOptions, Secret, SessionCallback, SessionCookieView } from "../http/index.ts";
