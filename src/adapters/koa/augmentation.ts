import type { SessionData } from "./index.ts";
import type { OptionView } from "./option-view.ts";
import type { KoaSession } from "./surface.ts";

/** `ctx.session` where there is one; its attributes are unknown until they are looked at, unless `SessionData` names them. */
export type SessionObject = KoaSession & ([keyof SessionData] extends [never] ? Record<string, unknown> : Partial<SessionData>);

/** The type of `ctx.session`: null once it was destroyed. */
export type ContextSession = SessionObject | null;

/** What the middleware adds to a context: for applications with a type of their own, `new Koa<State, Context & SessionContext>()`. */
export interface SessionContext {
  get session(): ContextSession;
  /** An object replaces the attributes; null ends the session. */
  set session(value: object | null);
  readonly sessionOptions: OptionView;
}

declare module "koa" {
  // Not `BaseContext`: that one @types/koa-session extends, and two types for one property are an error (TS2717).
  interface DefaultContext extends SessionContext {}
}
