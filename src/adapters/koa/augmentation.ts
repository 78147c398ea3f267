import type Koa from "koa";
import type { Session } from "../http/index.ts";

/** The type of `ctx.session`: null once it was destroyed, and for requests that are skipped. */
export type ContextSession = (Session & Record<string, unknown>) | null;

/** Makes this file name the module that it extends. */
export type SessionContext = Koa.Context;

declare module "koa" {
  // Not `BaseContext`: that one @types/koa-session extends, and two types for one property are an error (TS2717).
  interface DefaultContext {
    session: ContextSession;
  }
}
