import { Browser } from "./browser.ts";
import type { Dice } from "./dice.ts";
import { EngineRequests } from "./engine-requests.ts";
import { HttpWorkload } from "./http-workload.ts";
import type { History } from "./history.ts";
import type { World } from "./world.ts";

/** What requests do, and how often. */
export interface Mix {
  readonly create: number;
  readonly write: number;
  readonly read: number;
  readonly end: number;
  readonly regenerate: number;
  readonly rotate: number;
  readonly login: number;
  readonly revoke: number;
  readonly claim: number;
  readonly once: number;
  /** A page in a browser with a cookie jar: some requests at once, through the HTTP half of the adapters. */
  readonly page: number;
}

const TOKENS = ["ticket", "form"];
/** A span has so many parts; from this one on it is looked at whether enough was asked for, and more is where it was not. */
const PARTS = 10;
const MORE_FROM_PART = 3;
/** Requests that come so to one part at most. */
const MORE_MAX = 60;
/** What a request comes to, roughly: how many are missing is looked at again in each part. */
const OPERATIONS_OF_REQUEST = 1.5;

/** The browsers and what they ask for. */
export class Workload {
  readonly world: World;
  readonly history: History;
  readonly browsers: readonly Browser[];
  readonly engines: EngineRequests;
  readonly http: HttpWorkload;
  readonly #dice: Dice;
  readonly #mix: Mix;
  readonly #only: ReadonlySet<number> | undefined;
  #count = 0;

  /** `only`: the requests by number that are made; the others are left out. Default: all. */
  constructor(world: World, history: History, mix: Mix, browserCount: number, only?: ReadonlySet<number>) {
    this.#only = only;
    this.world = world;
    this.history = history;
    this.#mix = mix;
    this.#dice = world.dice.for("workload");
    this.browsers = Array.from({ length: browserCount }, (_, index) => new Browser(`browser${index + 1}`));
    this.engines = new EngineRequests(world, history, this.#dice);
    this.http = new HttpWorkload(world, history, Math.ceil(browserCount / 3));
  }

  /** For what no number of a request stands behind. */
  get calmDice(): Dice {
    return this.#dice;
  }

  /** Requests that were not answered yet. */
  get pending(): ReadonlySet<string> {
    return this.engines.pending;
  }

  /** Nothing is broken: every request must be served. */
  get isCalm(): boolean {
    return this.engines.isCalm;
  }

  set isCalm(isCalm: boolean) {
    this.engines.isCalm = isCalm;
    this.http.isCalm = isCalm;
  }

  /**
   * So many requests within the next `spanMs`, and more where they come to fewer than `operations`. Resolves when each was answered, or its
   * process is dead.
   */
  async run(requestCount: number, spanMs: number, operations = 0): Promise<void> {
    const asked = Array.from({ length: requestCount }, () => this.#ask((this.#count += 1), spanMs));
    if (operations > 0) asked.push(this.#askMore(spanMs, operations));
    await Promise.all(asked);
  }

  async #askMore(spanMs: number, operations: number): Promise<void> {
    const { tally } = this.history;
    const [first, before] = [this.#count + 1, tally.operations];
    // Each part has its own numbers, whether or not they are needed: what is left out elsewhere changes no other request.
    this.#count += PARTS * MORE_MAX;
    const partMs = spanMs / PARTS;
    const asked: Promise<void>[] = [];
    await this.world.timeline.pause(MORE_FROM_PART * partMs);
    for (let part = MORE_FROM_PART; part < PARTS; part++) {
      const missing = operations - ((tally.operations - before) * PARTS) / part;
      const needed = Math.min(MORE_MAX, Math.max(0, Math.ceil(missing / OPERATIONS_OF_REQUEST / (PARTS - part))));
      for (let index = 0; index < MORE_MAX; index++) {
        const number = first + part * MORE_MAX + index;
        if (this.#only === undefined ? index < needed : this.#only.has(number)) asked.push(this.#ask(number, partMs));
      }
      await this.world.timeline.pause(partMs);
    }
    await Promise.all(asked);
  }

  async #ask(number: number, spanMs: number): Promise<void> {
    // Its own, so that a request that is left out changes nothing for the others.
    const dice = this.#dice.for(`request ${number}`);
    await this.world.timeline.pause(dice.between(0, spanMs));
    if (this.#only?.has(number) !== false) await this.request(number, dice);
  }

  /** One request of one browser at one node, as chance has it. */
  async request(number: number, dice: Dice): Promise<void> {
    const nodes = this.world.nodes.filter(({ isServing }) => isServing);
    const asked = dice.weighted<keyof Mix>({ ...this.#mix });
    if (asked === "page") return this.#page(number, dice);
    const browser = dice.pick(this.browsers);
    const drawn: Exclude<keyof Mix, "page"> = asked;
    const { note } = browser;
    const kind = note === undefined || (drawn === "create" && note.marks.length >= 4) ? "create" : drawn === "create" ? "write" : drawn;
    // What an older version does not declare it does not begin, either: it would merge as a value of its own.
    const able = kind === "create" || kind === "regenerate" ? nodes.filter(({ declaresAll }) => declaresAll) : nodes;
    if (able.length === 0) return;
    const node = dice.pick(able);
    this.history.incident(`r${number}`, `${browser.name} ${kind} at ${node.name}${note === undefined ? "" : ` ${note.key}`}`);
    if (note === undefined) return this.engines.create(browser, node, dice);
    switch (kind) {
      case "create":
        return this.engines.create(browser, node, dice);
      case "write":
        return this.engines.write(browser, node, note, dice);
      case "read":
        return this.engines.read(browser, node, note, dice);
      case "end":
        return this.engines.end(browser, node, note);
      case "regenerate":
        return this.engines.regenerate(browser, node, note, dice);
      case "rotate":
        return this.engines.rotate(browser, node, note, dice);
      case "login":
        return this.engines.login(browser, node, note, dice);
      case "revoke":
        return this.engines.revoke(browser, node, note, dice);
      case "claim":
        return void (await this.engines.claim(node, note, dice.pick(TOKENS)));
      case "once":
        return this.engines.once(node, note, dice);
    }
  }

  async #page(number: number, dice: Dice): Promise<void> {
    const name = `${number} page`;
    this.engines.pending.add(name);
    try {
      await this.http.page(dice, (text) => this.history.incident(`r${number}`, text));
    } finally {
      this.engines.pending.delete(name);
    }
  }
}
