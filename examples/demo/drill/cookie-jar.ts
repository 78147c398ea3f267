import { parseSetCookie } from "cookie";

/** The cookies of one browser that visits one site over plain http: names, values, and when they are over. */
export class CookieJar {
  readonly #cookies = new Map<string, { readonly value: string; readonly untilMs: number }>();

  take(setCookies: readonly string[]): void {
    for (const text of setCookies) {
      const { name, value = "", maxAge, expires } = parseSetCookie(text);
      const untilMs = maxAge === undefined ? (expires?.getTime() ?? Infinity) : Date.now() + 1000 * maxAge;
      if (untilMs <= Date.now()) this.#cookies.delete(name);
      else this.#cookies.set(name, { value, untilMs });
    }
  }

  /** The header `Cookie`. */
  header(): string {
    const nowMs = Date.now();
    for (const [name, { untilMs }] of this.#cookies) if (untilMs <= nowMs) this.#cookies.delete(name);
    return Array.from(this.#cookies, ([name, { value }]) => `${name}=${value}`).join("; ");
  }
}
