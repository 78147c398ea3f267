import { LiveCookie, stringifySetCookie } from "../http/index.ts";

/**
 * express-session's `Cookie`, for code that makes cookies itself, and for sessions that `store.load` gives. What `req.session.cookie` is
 * belongs to a request; it passes for one of these (`instanceof`).
 */
export class Cookie {
  path = "/";
  httpOnly = true;
  originalMaxAge: number | null | undefined;
  secure?: boolean | "auto";
  domain?: string;
  sameSite?: boolean | "strict" | "lax" | "none";
  partitioned?: boolean;
  priority?: "low" | "medium" | "high";
  #expires: Date | null | false | undefined = null;

  static [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof LiveCookie || Function.prototype[Symbol.hasInstance].call(this, value);
  }

  constructor(options: unknown = {}) {
    if (typeof options !== "object" || options === null) throw new TypeError("argument options must be a object");
    const given = options instanceof Cookie ? options.data : options;
    for (const [name, value] of Object.entries(given)) if (name !== "data") Reflect.set(this, name, value);
    this.originalMaxAge ??= this.maxAge as number | null;
  }

  get expires(): Date | null | false | undefined {
    return this.#expires;
  }

  set expires(value: Date | null | false | undefined) {
    this.#expires = value;
    this.originalMaxAge = this.maxAge as number | null;
  }

  get maxAge(): number | null | false | undefined {
    return this.#expires instanceof Date ? this.#expires.getTime() - Date.now() : this.#expires;
  }

  set maxAge(value: number | Date | null | false | undefined) {
    if (value && typeof value !== "number" && !(value instanceof Date)) throw new TypeError("maxAge must be a number or Date");
    this.expires = typeof value === "number" ? new Date(Date.now() + value) : value;
  }

  get data(): object {
    const { originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite } = this;
    return { originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite };
  }

  serialize(name: string, value: string): string {
    const { expires, secure, domain, sameSite, partitioned, priority, path, httpOnly } = this;
    return stringifySetCookie({
      name,
      value,
      path,
      httpOnly,
      ...(expires instanceof Date ? { expires } : {}),
      ...(secure === undefined ? {} : { secure: secure === true }),
      ...(domain === undefined ? {} : { domain }),
      ...(sameSite === undefined ? {} : { sameSite }),
      ...(partitioned === undefined ? {} : { partitioned }),
      ...(priority === undefined ? {} : { priority }),
    });
  }

  toJSON(): object {
    return this.data;
  }
}
