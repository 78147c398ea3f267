import { Agent, request } from "node:http";
import type { IncomingMessage } from "node:http";
import { parseSetCookie } from "cookie";
import { PROGRAM_HEADER } from "./handler.ts";
import type { Step } from "./script.ts";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly body: string;
  /** The response ended before its body did. */
  readonly isAborted: boolean;
}

interface HeldCookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  readonly isSecure: boolean;
  readonly expiresAtMs: number;
}

const ANSWER_MS = 5_000;

/** Keeps cookies as browsers do (RFC 6265bis section 5.7), and sends what a step says. */
export class Browser {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #cookies = new Map<string, HeldCookie>();
  readonly #port: number;
  readonly #cookieName: string;

  constructor(port: number, cookieName: string) {
    this.#port = port;
    this.#cookieName = cookieName;
  }

  async send(step: Step): Promise<RawAnswer> {
    const path = step.path ?? "/";
    const held = this.#header(path, step.isHttps === true);
    const cookie = step.cookies === undefined ? held : step.cookies(held, this.#cookieName);
    const answer = await this.#exchange(step, path, cookie);
    if (step.isForgotten !== true) for (const line of answer.setCookies) this.#keep(line, step.isHttps === true);
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(step: Step, path: string, cookie: string): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent: this.#agent,
          host: "127.0.0.1",
          port: this.#port,
          path,
          method: step.method ?? "GET",
          timeout: ANSWER_MS,
          headers: {
            ...step.headers,
            host: "localhost",
            accept: "application/json",
            [PROGRAM_HEADER]: encodeURIComponent(JSON.stringify(step.do)),
            ...(step.isHttps === true ? { "x-forwarded-proto": "https" } : {}),
            ...(cookie === "" ? {} : { cookie }),
          },
        },
        (response) => void read(response).then(resolve, reject),
      );
      sent.on("timeout", () => sent.destroy(new Error(`no answer to ${JSON.stringify(step.do)}`)));
      sent.on("error", reject);
      sent.end();
    });
  }

  #header(path: string, isHttps: boolean): string {
    return [...this.#cookies.values()]
      .filter((held) => held.expiresAtMs > Date.now() && (isHttps || !held.isSecure) && isWithin(path, held.path))
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
  }

  #keep(line: string, isHttps: boolean): void {
    const { name, value = "", path = "/", maxAge, expires, secure = false } = parseSetCookie(line, { decode: (text) => text });
    if (secure && !isHttps) return;
    const expiresAtMs = maxAge === undefined ? (expires?.getTime() ?? Number.POSITIVE_INFINITY) : Date.now() + maxAge * 1000;
    if (expiresAtMs <= Date.now()) this.#cookies.delete(name);
    else this.#cookies.set(name, { name, value, path, isSecure: secure, expiresAtMs });
  }
}

async function read(response: IncomingMessage): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  let isAborted = false;
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch {
    isAborted = true;
  }
  const { "set-cookie": setCookies = [], ...headers } = response.headers;
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    setCookies,
    body: Buffer.concat(chunks).toString("utf8"),
    isAborted,
  };
}

function isWithin(path: string, scope: string): boolean {
  return path === scope || (path.startsWith(scope) && (scope.endsWith("/") || path[scope.length] === "/" || path[scope.length] === "?"));
}
