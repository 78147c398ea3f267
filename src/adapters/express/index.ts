export { session } from "./session.ts";
export type { ExpressSessionOptions, SessionMiddleware } from "./session.ts";
export type { RequestSessionObject } from "./augmentation.ts";
export { Session } from "../http/index.ts";
export type { CookieOptions, Notice, NoticeCode, RegenerateOptions, Secret, SessionCallback, SessionCookieView } from "../http/index.ts";
