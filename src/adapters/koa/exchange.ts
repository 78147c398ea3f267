import type Koa from "koa";
import { SessionError } from "../../engine/index.ts";
import { gateResponse } from "../http/index.ts";
import type { GateKeeper, RequestSession, ResponseMark } from "../http/index.ts";
import type { SessionObject } from "./augmentation.ts";
import { OptionView } from "./option-view.ts";
import type { KoaSettings } from "./options.ts";
import { koaSessionObject } from "./surface.ts";
import type { SessionRequest } from "./surface.ts";

const EXCHANGE = Symbol("exchange");

type Held = object & { [EXCHANGE]?: Exchange };

/** What stands behind `ctx.session`; undefined where no middleware of this package took the request. */
export function exchangeOf(context: object): Exchange | undefined {
  return (context as Held)[EXCHANGE];
}

/** One request with its session and its response. Everything in it is private: a context is often logged whole. */
export class Exchange implements GateKeeper, SessionRequest {
  readonly #settings: KoaSettings;
  readonly #requestSession: RequestSession;
  readonly #context: Koa.Context;
  #object: SessionObject | undefined;
  #options: OptionView | undefined;
  #isNew: boolean;
  #isGated = false;
  /** With `autoCommit: false`: set to null, which the next commit carries out. */
  #isLetGo = false;
  /** Saved with the next commit even if it is empty. */
  #isForced = false;
  /** `rolling` saves once a request, as far as `beforeSave` can tell. */
  #hasRolled = false;
  /** The hook failed: nothing more is committed, so that an error page cannot fail the same way. */
  #isClosed = false;

  constructor(settings: KoaSettings, requestSession: RequestSession, context: Koa.Context) {
    this.#settings = settings;
    this.#requestSession = requestSession;
    this.#context = context;
    this.#isNew = !requestSession.isFound;
  }

  /** Gives the context its `session` and `sessionOptions`, and tells the application what became of the session. */
  attach(): void {
    const { valid } = this.#settings;
    const { missed } = this.#requestSession;
    extend(this.#context);
    (this.#context as Held)[EXCHANGE] = this;
    if (missed !== undefined) this.#emit(missed, undefined);
    if (valid !== undefined && this.#requestSession.isFound) this.#validate(valid);
    if (this.#requestSession.concernsResponse) this.#gate();
  }

  get session(): SessionObject | null {
    this.#gate();
    const held = this.#isLetGo ? undefined : this.#requestSession.held;
    if (held === undefined) return null;
    this.#object ??= koaSessionObject(this, this.#requestSession, held) as SessionObject;
    return this.#object;
  }

  set session(value: unknown) {
    this.#gate();
    if (value === null) this.#letGo();
    else if (typeof value === "object") this.#replace(value);
    else throw new SessionError("VALUE_REFUSED", "ctx.session can be set to an object or null only.");
  }

  get options(): OptionView {
    this.#options ??= new OptionView(this.#settings, this.#context);
    return this.#options;
  }

  // SessionRequest

  get isNew(): boolean {
    return this.#isNew;
  }

  async save(): Promise<void> {
    this.#isForced = false;
    this.#beforeSave(true);
    await this.#requestSession.held?.save({ evenIfEmpty: true });
  }

  async manuallyCommit(): Promise<void> {
    await this.#commit(false);
  }

  noteMaxAge(): void {
    this.#isForced = true;
  }

  // GateKeeper

  commit(): void | Promise<void> {
    return this.#settings.autoCommit ? this.#commit(false) : undefined;
  }

  commitLate(): void | Promise<void> {
    return this.#settings.autoCommit ? this.#commit(true) : undefined;
  }

  mark(): ResponseMark | undefined {
    const mark = this.#requestSession.mark();
    if (mark?.setCookie !== undefined && this.#settings.overwrite) dropCookie(this.#context, mark.setCookie);
    return mark;
  }

  fail(error: unknown): void {
    const { res } = this.#context;
    this.#context.onerror(error instanceof Error ? error : new Error(String(error)));
    // Koa leaves a response alone whose headers are gone; half a body must not look like a whole one.
    if (res.headersSent && !res.writableEnded) res.destroy();
  }

  get notices(): GateKeeper["notices"] {
    return this.#settings.notices;
  }

  get setTimer(): GateKeeper["setTimer"] {
    return this.#settings.setTimer;
  }

  #letGo(): void {
    this.#isForced = false;
    if (this.#settings.autoCommit) void this.#requestSession.destroy(false);
    else this.#isLetGo = true;
  }

  #replace(value: object): void {
    this.#isLetGo = false;
    this.#isNew = false;
    // What is written goes through the object that the application sees; after null there is none until another session began.
    if (this.#requestSession.held === undefined) this.#requestSession.replace({});
    this.#requestSession.replace(value, this.session ?? undefined);
  }

  #commit(isLate: boolean): void | Promise<void> {
    if (this.#isClosed) return undefined;
    if (this.#isLetGo) return this.#requestSession.destroy();
    const isForced = this.#isForced;
    this.#isForced = false;
    this.#beforeSave(isForced);
    const commit = (): void | Promise<void> => (isLate ? this.#requestSession.commitLate() : this.#requestSession.commit());
    const held = isForced ? this.#requestSession.held : undefined;
    return held?.open.isNew === true ? held.save({ evenIfEmpty: true }).then(commit) : commit();
  }

  #beforeSave(isForced: boolean): void {
    const { beforeSave, rolling } = this.#settings;
    if (beforeSave === undefined) return;
    const isRolling = rolling && !this.#hasRolled && this.#requestSession.isFound;
    if (!isForced && !isRolling && !this.#requestSession.isModified) return;
    this.#hasRolled = true;
    const { session } = this;
    if (session === null) return;
    try {
      beforeSave(this.#context, session);
    } catch (error) {
      this.#isClosed = true;
      throw error;
    }
  }

  #validate(valid: NonNullable<KoaSettings["valid"]>): void {
    const value = this.session?.toJSON() ?? {};
    if (valid(this.#context, value)) return;
    this.#emit("invalid", value);
    this.#isNew = true;
    this.#requestSession.beginAnew();
  }

  /** As in koa-session: after this turn, on the application, and `session:` before the name. */
  #emit(event: "missed" | "invalid" | "expired", value: object | undefined): void {
    const context = this.#context;
    const { key } = this.#requestSession;
    setImmediate(() => context.app.emit(`session:${event}`, { key, value, ctx: context }));
  }

  #gate(): void {
    if (this.#isGated) return;
    this.#isGated = true;
    gateResponse(this.#context.res, this);
  }
}

/** Contexts of applications that have the properties below. */
const extended = new WeakSet<object>();

// Shared by all requests, as koa-session does it: V8 then knows contexts by one shape, and tests may put something else in their place.
const PROPERTIES: PropertyDescriptorMap = {
  session: {
    configurable: true,
    get(this: Held) {
      return this[EXCHANGE]?.session;
    },
    set(this: Held, value: unknown) {
      const exchange = this[EXCHANGE];
      if (exchange !== undefined) exchange.session = value;
    },
  },
  sessionOptions: {
    configurable: true,
    get(this: Held) {
      return this[EXCHANGE]?.options;
    },
  },
};

/** Before the first request, where the application is known. */
export function extendApplication(shared: object): void {
  if (extended.has(shared) || Object.hasOwn(shared, "session")) return;
  extended.add(shared);
  Object.defineProperties(shared, PROPERTIES);
}

function extend(context: Koa.Context): void {
  const shared = context.app.context as object;
  extendApplication(shared);
  // Another library was there before: this request is ours all the same.
  if (!extended.has(shared) || Object.getPrototypeOf(context) !== shared) Object.defineProperties(context, PROPERTIES);
}

/** The option `overwrite`: of what others put on the response under the name of our cookie, nothing stays. */
function dropCookie({ res }: Koa.Context, setCookie: string): void {
  const before = res.getHeader("set-cookie");
  if (before === undefined) return;
  const name = setCookie.slice(0, setCookie.indexOf("=") + 1);
  const all = Array.isArray(before) ? before : [String(before)];
  const others = all.filter((each) => !each.startsWith(name));
  if (others.length === all.length) return;
  if (others.length === 0) res.removeHeader("set-cookie");
  else res.setHeader("set-cookie", others);
}
