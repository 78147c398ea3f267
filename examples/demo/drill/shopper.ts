import { Agent, request as send } from "node:http";
import { PANEL_HEADER } from "../shop/shop.ts";
import { CookieJar } from "./cookie-jar.ts";
import type { LoadReport } from "./report.ts";

/** Lines that a shopper puts in a cart before taking another cart: pages stay small. */
const LINE_COUNT_MAX = 40;
const ANSWER_MS = 10_000;
/** How often a read follows a write. */
const READ_EVERY = 2;

interface Answer {
  readonly status: number;
  readonly node: string;
  readonly text: string;
}

/**
 * One browser: puts one line after the other into its cart, and looks from time to time whether all are there. It remembers what was answered
 * with yes, and what was not answered at all (it may be there or not), and sends nothing twice.
 */
export class Shopper {
  readonly #url: URL;
  readonly #report: LoadReport;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #jar = new CookieJar();
  #session: string | undefined;
  #writer = "";
  #acked = new Set<string>();
  #lineCount = 0;
  readonly #name: string;
  /** Carts that it left: looked at again at the end. */
  readonly #left: { readonly jar: CookieJar; readonly acked: ReadonlySet<string> }[] = [];

  constructor(url: string, name: string, report: LoadReport) {
    this.#url = new URL(url);
    this.#name = name;
    this.#report = report;
  }

  async shop(isOver: () => boolean): Promise<void> {
    for (let turn = 1; !isOver(); turn += 1) {
      await this.#add();
      if (turn % READ_EVERY === 0) await this.#look();
      if (this.#acked.size >= LINE_COUNT_MAX) this.#takeAnotherCart();
    }
  }

  /** After the drill, when everything runs again: what was acknowledged and is not there is lost. */
  async settle(): Promise<void> {
    this.#takeAnotherCart();
    for (const { jar, acked } of this.#left) {
      this.#jar = jar;
      this.#report.lostAckedWrites += await this.#missing(acked);
    }
    this.#agent.destroy();
  }

  async #add(): Promise<void> {
    this.#lineCount += 1;
    const line = `line-${this.#name}-${this.#lineCount}`;
    const answer = await this.#send("POST", "/add", new URLSearchParams({ product: "mug", line }).toString());
    if (answer === undefined) return;
    this.#writer = answer.node;
    this.#acked.add(line);
    this.#report.ackedWrites += 1;
  }

  async #look(): Promise<void> {
    const wanted = new Set(this.#acked);
    const answer = await this.#send("GET", "/panel");
    if (answer === undefined) return;
    if (answer.node !== this.#writer && this.#writer !== "") this.#report.crossNodeReads += 1;
    const shown = linesOf(answer.text);
    if ([...wanted].some((line) => !shown.has(line))) this.#report.staleReads += 1;
    const session = /data-session="([^"]*)"/.exec(answer.text)?.[1];
    if (this.#session !== undefined && session !== this.#session) this.#report.newIds += 1;
    if (wanted.size > 0) this.#session = session;
  }

  /** How many of `acked` are gone; tries for a while, as a person would. */
  async #missing(acked: ReadonlySet<string>): Promise<number> {
    for (let tries = 0; ; tries += 1) {
      const answer = await this.#send("GET", "/panel");
      const shown = linesOf(answer?.text ?? "");
      const missing = [...acked].filter((line) => !shown.has(line)).length;
      if (missing === 0 || tries === 20) return missing;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #takeAnotherCart(): void {
    if (this.#acked.size > 0) this.#left.push({ jar: this.#jar, acked: this.#acked });
    this.#jar = new CookieJar();
    this.#acked = new Set();
    this.#session = undefined;
    this.#writer = "";
  }

  /** Undefined for whatever is no answer with yes; counted. */
  async #send(method: string, path: string, body = ""): Promise<Answer | undefined> {
    this.#report.requests += 1;
    const jar = this.#jar;
    const answer = await new Promise<Answer | undefined>((resolve) => {
      const outgoing = send(
        new URL(path, this.#url),
        {
          agent: this.#agent,
          method,
          timeout: ANSWER_MS,
          headers: {
            cookie: jar.header(),
            ...(method === "GET" ? { [PANEL_HEADER]: "1" } : { "content-type": "application/x-www-form-urlencoded" }),
          },
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (text += chunk));
          response.on("error", () => resolve(undefined));
          response.on("end", () => {
            jar.take(response.headers["set-cookie"] ?? []);
            resolve({ status: response.statusCode ?? 0, node: String(response.headers["x-node"] ?? ""), text });
          });
        },
      );
      outgoing.on("timeout", () => outgoing.destroy());
      outgoing.on("error", () => resolve(undefined));
      outgoing.end(body);
    });
    if (answer !== undefined && answer.status >= 200 && answer.status < 400) return answer;
    this.#report.serverErrors += 1;
    return undefined;
  }
}

function linesOf(text: string): Set<string> {
  return new Set(Array.from(text.matchAll(/data-line="([^"]*)"/g), ([, line]) => line ?? ""));
}
