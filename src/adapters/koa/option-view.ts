import type Koa from "koa";
import type { SessionCookieView } from "../http/index.ts";
import type { KoaSettings } from "./options.ts";

/**
 * `ctx.sessionOptions`: koa-session's options as they are for this request. What can be set goes to the session's cookie, and stays with the
 * session.
 */
export class OptionView {
  readonly autoCommit: boolean;
  readonly overwrite: boolean;
  readonly rolling: boolean;
  readonly renew = true;
  readonly signed = true;
  readonly #context: Koa.Context;

  constructor({ autoCommit, overwrite, rolling }: KoaSettings, context: Koa.Context) {
    this.autoCommit = autoCommit;
    this.overwrite = overwrite;
    this.rolling = rolling;
    this.#context = context;
  }

  /** As `ctx.session.maxAge`. */
  get maxAge(): number | "session" {
    return this.#context.session?.maxAge ?? "session";
  }

  set maxAge(value: number | "session") {
    if (this.#context.session !== null) this.#context.session.maxAge = value;
  }

  get httpOnly(): boolean | undefined {
    return this.#cookie?.httpOnly;
  }

  set httpOnly(value: boolean) {
    this.#assign({ httpOnly: value });
  }

  get secure(): boolean | undefined {
    return this.#cookie?.secure;
  }

  set secure(value: boolean) {
    this.#assign({ secure: value });
  }

  get sameSite(): SessionCookieView["sameSite"] {
    return this.#cookie?.sameSite;
  }

  set sameSite(value: SessionCookieView["sameSite"]) {
    this.#assign({ sameSite: value });
  }

  get domain(): string | undefined {
    return this.#cookie?.domain;
  }

  set domain(value: string | undefined) {
    this.#assign({ domain: value });
  }

  get path(): string | undefined {
    return this.#cookie?.path;
  }

  set path(value: string) {
    this.#assign({ path: value });
  }

  get #cookie(): SessionCookieView | undefined {
    return this.#context.session?.cookie;
  }

  #assign(values: object): void {
    if (this.#cookie !== undefined) Object.assign(this.#cookie, values);
  }
}
