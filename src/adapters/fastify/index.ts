export { cookie, header } from "../http/index.ts";
// oxlint-disable-next-line import/no-default-export -- @fastify/session is a default import in most applications
export { session, session as default } from "./session.ts";
export { EngineStore as MemoryStore, EngineStore as Store } from "./store.ts";
export type { FastifySessionOptions } from "./options.ts";
export type { FastifySessionMethods } from "./session-object.ts";
export type { RequestSessionObject } from "./augmentation.ts";
export type { DecryptCallback } from "./decrypt.ts";
export type {
  ClassicData,
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
  Signer,
  StoreCallback,
} from "../http/index.ts";
