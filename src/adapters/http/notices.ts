/** What an operator should know and a request should not fail for. Closed; `docs/errors.md` lists them. */
export const NOTICE_CODES = [
  "weak-secret",
  "id-not-used",
  "unprefixed-name",
  "loopback-cookie",
  "cookie-withheld",
  "cookie-too-large",
  "cookie-cacheable",
  "duplicate-cookies",
  "late-session",
  "max-age-capped",
  "url-resolver",
] as const;

export type NoticeCode = (typeof NOTICE_CODES)[number];

/** `message` says what to do next; like every text of this package it holds no id, key or value. */
export interface Notice {
  readonly code: NoticeCode;
  readonly message: string;
}

/** These tell of the configuration: once is enough. The others tell of requests, and a listener gets every one. */
const ONCE: ReadonlySet<NoticeCode> = new Set([
  "weak-secret",
  "id-not-used",
  "unprefixed-name",
  "loopback-cookie",
  "cookie-withheld",
  "cookie-cacheable",
  "max-age-capped",
  "url-resolver",
]);

/** Where the notices of one middleware go: to `onNotice`, or as one process warning per code. */
export class Notices {
  readonly #listener: ((notice: Notice) => void) | undefined;
  readonly #seen = new Set<NoticeCode>();

  constructor(listener?: (notice: Notice) => void) {
    this.#listener = listener;
  }

  notify(code: NoticeCode, message: string): void {
    const first = !this.#seen.has(code);
    this.#seen.add(code);
    if (this.#listener !== undefined) {
      if (first || !ONCE.has(code)) this.#listener({ code, message });
    } else if (first) {
      process.emitWarning(message, { type: "SessionWarning", code });
    }
  }
}
