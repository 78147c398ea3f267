import type { SessionObject } from "../http/index.ts";

/** The type of `ctx.session`: null once it was destroyed, and for requests that are skipped. */
export type ContextSession = SessionObject | null;

declare module "koa" {
  // Not `BaseContext`: that one @types/koa-session extends, and two types for one property are an error (TS2717).
  interface DefaultContext {
    get session(): ContextSession;
    /** An object replaces the attributes; null destroys the session. */
    set session(value: object | null);
  }
}
