import type { SessionKey } from "../../src/engine/record.ts";
import type { Mark } from "./history.ts";
import { type Answer, SESSION_COOKIE } from "./http-service.ts";

interface Cookie {
  readonly value: string;
  readonly untilMs: number;
  /** The writes that the process which set it had: in what is sent with it, they are to be seen. */
  readonly shows: readonly Mark[];
}

/** What a browser has in its jar, as RFC 6265 says: a cookie that comes replaces the one of that name, whenever it was sent. */
export class HttpBrowser {
  readonly name: string;
  readonly #jar = new Map<string, Cookie>();
  /** Of the session that its cookie opens, as the simulation knows it. */
  key: SessionKey | undefined;

  constructor(name: string) {
    this.name = name;
  }

  cookieHeader(nowMs: number): string {
    for (const [name, { untilMs }] of this.#jar) if (untilMs <= nowMs) this.#jar.delete(name);
    return [...this.#jar].map(([name, { value }]) => `${name}=${value}`).join("; ");
  }

  /** What it was told of, by tokens that it still has. */
  get shown(): readonly Mark[] {
    return [...new Set([...this.#jar.values()].flatMap(({ shows }) => shows))];
  }

  receive({ setCookies, cookieKey }: Answer, shows: readonly Mark[], nowMs: number): void {
    for (const text of setCookies) {
      const [pair = "", ...attributes] = text.split(";").map((part) => part.trim());
      const equals = pair.indexOf("=");
      const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
      const maxAge = attributes.find((attribute) => attribute.toLowerCase().startsWith("max-age="))?.slice("max-age=".length);
      const isPast = attributes.some((attribute) => /^expires=.*\b1970\b/i.test(attribute));
      const isId = name === SESSION_COOKIE;
      if (value === "" || isPast || maxAge === "0") {
        this.#jar.delete(name);
        if (isId) this.key = undefined;
        continue;
      }
      const untilMs = maxAge === undefined ? Infinity : nowMs + Number(maxAge) * 1_000;
      this.#jar.set(name, { value, untilMs, shows: isId ? [] : shows });
      if (isId) this.key = cookieKey;
    }
  }
}
