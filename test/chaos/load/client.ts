import { Agent, request as sendRequest } from "node:http";
import type { View } from "../../../src/testing/history/operation.ts";

/** An answer of a node's app. `status` 0: there was none. */
export interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly key: string | undefined;
  readonly view: View | undefined;
}

/** As long as a patient person waits. */
const REQUEST_TIMEOUT_MS = 8_000;

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** The cookies of one browser, all of them: the session's, and those that tell what it has seen. */
export class CookieJar {
  readonly #cookies: Map<string, string>;

  constructor(cookies: ReadonlyMap<string, string> = new Map()) {
    this.#cookies = new Map(cookies);
  }

  /** As they are now. */
  copy(): CookieJar {
    return new CookieJar(this.#cookies);
  }

  /** The session's cookie alone: what a browser sends that has been away for long. */
  sessionOnly(): CookieJar {
    const id = this.sessionCookie;
    return new CookieJar(id === undefined ? new Map() : new Map([["sid", id]]));
  }

  get sessionCookie(): string | undefined {
    return this.#cookies.get("sid");
  }

  get header(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** Max-Age is looked at only for removal: nothing here lives as long as a cookie. */
  take(setCookies: readonly string[]): void {
    for (const setCookie of setCookies) {
      const [pair = "", ...attributes] = setCookie.split(/; */);
      const equals = pair.indexOf("=");
      const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)];
      if (attributes.some((each) => /^(max-age=0|expires=thu, 01 jan 1970)/i.test(each))) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}

/** One request, whose cookies are kept when `keep` says so. Never rejects. */
export function ask(url: string, jar: CookieJar, keep: boolean): Promise<Answer> {
  return new Promise((resolve) => {
    const nothing = (code: string): void => resolve({ status: 0, code, key: undefined, view: undefined });
    const headers = jar.header === "" ? {} : { cookie: jar.header };
    const outgoing = sendRequest(url, { method: "POST", agent, headers }, (incoming) => {
      const parts: Buffer[] = [];
      incoming.on("data", (part: Buffer) => parts.push(part));
      incoming.on("error", (error) => nothing(codeOf(error)));
      incoming.on("end", () => {
        clearTimeout(timer);
        // Cookies count once the response is there: what was written is promised to requests after that.
        if (keep) jar.take(incoming.headers["set-cookie"] ?? []);
        resolve({ status: incoming.statusCode ?? 0, ...bodyOf(Buffer.concat(parts).toString("utf8")) });
      });
    });
    const timer = setTimeout(
      () => outgoing.destroy(Object.assign(new Error("no answer in time"), { code: "TIMEOUT" })),
      REQUEST_TIMEOUT_MS,
    );
    outgoing.on("error", (error) => {
      clearTimeout(timer);
      nothing(codeOf(error));
    });
    outgoing.end();
  });
}

function bodyOf(text: string): Omit<Answer, "status"> {
  try {
    const { code, key, view } = JSON.parse(text) as Partial<Record<keyof Answer, never>>;
    return { code, key, view };
  } catch {
    return { code: "NOT_JSON", key: undefined, view: undefined };
  }
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : error.message;
}
