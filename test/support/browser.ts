import { Agent, request as sendRequest } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { onTestFinished } from "vitest";

/** One `Set-Cookie`, taken apart. Attribute names are in lower case; a flag such as HttpOnly is true. */
export interface SetCookie {
  readonly name: string;
  readonly value: string;
  readonly attributes: Readonly<Record<string, string | true>>;
  /** Told to be forgotten: Max-Age of 0, or Expires in the past. */
  readonly isRemoval: boolean;
  /** Milliseconds that it has left, by Max-Age or Expires; undefined for a cookie that goes when the browser closes. */
  readonly lifeMs: number | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly setCookies: readonly SetCookie[];
  readonly body: string;
  readonly bytes: Buffer;
  json(): unknown;
}

export interface Sending {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text as a form. */
  readonly body?: string | object;
  /** False: cookies of the reply are not kept. Default true. */
  readonly keep?: boolean;
  /** Called when the headers are there, and before the body. */
  readonly onHeaders?: (reply: Omit<Reply, "body" | "bytes" | "json">) => unknown;
  /** Called with each part of the body as it comes. */
  readonly onData?: (text: string) => unknown;
  /** For a response that must not end. Default 5 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A response that does not end is a finding, not a reason to wait for the test's own timeout. */
const REPLY_TIMEOUT_MS = 5_000;

/**
 * A browser as far as cookies go: it keeps them by name and path until they are removed. Secure cookies are sent as well: the tests speak
 * plain http to a server that believes in a TLS proxy. Its connections are closed when the test is over.
 */
export class Browser {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #jar = new Map<string, { readonly value: string; readonly path: string }>();

  constructor(url: string) {
    this.#url = url;
    onTestFinished(() => this.#agent.destroy());
  }

  /** As another tab of the same person: the cookies of this moment, kept apart from then on. */
  fork(): Browser {
    const other = new Browser(this.#url);
    for (const [name, cookie] of this.#jar) other.#jar.set(name, cookie);
    return other;
  }

  cookie(name: string): string | undefined {
    return this.#jar.get(name)?.value;
  }

  setCookie(name: string, value: string): void {
    this.#jar.set(name, { value, path: "/" });
  }

  get cookieNames(): readonly string[] {
    return [...this.#jar.keys()];
  }

  /** The `Cookie` header for a path. */
  header(path = "/"): string {
    const fitting = [...this.#jar].filter(([, cookie]) => isUnder(path, cookie.path));
    return fitting.map(([name, cookie]) => `${name}=${cookie.value}`).join("; ");
  }

  async send(path: string, sending: Sending = {}): Promise<Reply> {
    const { method = sending.body === undefined ? "GET" : "POST", body, keep = true, timeoutMs = REPLY_TIMEOUT_MS } = sending;
    const cookie = this.header(path);
    const headers = {
      ...(cookie === "" ? {} : { cookie }),
      ...(body === undefined
        ? {}
        : { "content-type": typeof body === "string" ? "application/x-www-form-urlencoded" : "application/json" }),
      ...sending.headers,
    };
    const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    return new Promise<Reply>((resolve, reject) => {
      const options = { method, headers, agent: this.#agent, ...(sending.signal === undefined ? {} : { signal: sending.signal }) };
      const outgoing = sendRequest(this.#url + path, options, (incoming) => {
        const head = headOf(incoming);
        if (keep) for (const each of head.setCookies) this.#keep(each);
        sending.onHeaders?.(head);
        collect(incoming, sending.onData).then((bytes) => {
          const text = bytes.toString("utf8");
          resolve({ ...head, bytes, body: text, json: () => JSON.parse(text) as unknown });
        }, reject);
      });
      outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`${method} ${path}: no end of the response`)));
      outgoing.on("error", reject);
      outgoing.end(payload);
    });
  }

  /** The JSON of a page. */
  async json<T = unknown>(path: string, sending: Sending = {}): Promise<T> {
    return (await this.send(path, sending)).json() as T;
  }

  #keep(setCookie: SetCookie): void {
    const path = setCookie.attributes["path"];
    if (setCookie.isRemoval) this.#jar.delete(setCookie.name);
    else this.#jar.set(setCookie.name, { value: setCookie.value, path: typeof path === "string" ? path : "/" });
  }
}

function headOf(incoming: IncomingMessage): Omit<Reply, "body" | "bytes" | "json"> {
  const setCookies = (incoming.headers["set-cookie"] ?? []).map(parseSetCookie);
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, setCookies };
}

async function collect(incoming: IncomingMessage, onData: ((text: string) => unknown) | undefined): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of incoming as AsyncIterable<Buffer>) {
    onData?.(part.toString("utf8"));
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function parseSetCookie(header: string): SetCookie {
  const [pair = "", ...rest] = header.split(/; */);
  const [name, value] = halves(pair);
  const attributes = Object.fromEntries(rest.map((part) => nameAndValue(part)));
  const { "max-age": maxAge, expires } = attributes;
  const byExpires = typeof expires === "string" ? Date.parse(expires) - Date.now() : undefined;
  const lifeMs = typeof maxAge === "string" ? Number(maxAge) * 1000 : byExpires;
  return { name, value, attributes, lifeMs, isRemoval: lifeMs !== undefined && lifeMs <= 0 };
}

function nameAndValue(part: string): [string, string | true] {
  const [name, value] = halves(part);
  return [name.toLowerCase(), part.includes("=") ? value : true];
}

function halves(text: string): [string, string] {
  const at = text.indexOf("=");
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** RFC 6265 section 5.1.4. */
function isUnder(path: string, cookiePath: string): boolean {
  const [pathname = "/"] = path.split("?");
  return pathname === cookiePath || pathname.startsWith(cookiePath.endsWith("/") ? cookiePath : `${cookiePath}/`);
}
