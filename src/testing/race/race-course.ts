/** Where a race is run. */
export interface RaceTargets {
  /** Nodes of one deployment, each an `HttpAdapterUnderTest`. Requests are spread over them, and each is read afterwards. */
  readonly urls: readonly [string, ...string[]];
  /** How long the nodes may take to agree before a result counts as lost, in milliseconds. Default 2,000. */
  readonly settleMs?: number;
}

/** The attributes of a session, as a node shows them. */
export type RaceAttributes = Readonly<Record<string, unknown>>;

const POLL_MS = 10;
const SETTLE_MS = 2_000;
const ARRIVAL_MS = 5_000;
/** No request takes longer, the slow ones included: a door opens by itself before that. */
const REQUEST_MS = 15_000;

/**
 * What scenarios are made of, over the nodes of one deployment. Every method rejects when a request is answered with an error: a result of
 * failed requests would say nothing.
 */
export class RaceCourse {
  readonly urls: RaceTargets["urls"];
  readonly #settleMs: number;
  #doorCount = 0;

  constructor({ urls, settleMs = SETTLE_MS }: RaceTargets) {
    this.urls = urls;
    this.#settleMs = settleMs;
  }

  /** One node after the other: 0, 1, 0, 1, … */
  url(index: number): string {
    return this.urls[index % this.urls.length] ?? this.urls[0];
  }

  /** A door that no other request stands before. */
  door(): string {
    this.#doorCount += 1;
    return `door${this.#doorCount}`;
  }

  /** A session with a user, begun at `url` and known to every node. Resolves to its cookies, as a browser sends them. */
  async login(url: string = this.urls[0]): Promise<string> {
    const response = await this.request(url, "/login");
    await response.arrayBuffer();
    const cookie = response.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");
    if (cookie === "") throw new Error(`The application at ${url} set no cookie at /login.`);
    const others = this.urls.filter((other) => other !== url);
    let isKnown = others.length === 0;
    await until(this.#settleMs, async () => {
      const seen = await Promise.all(others.map((other) => this.attributes(other, "/session", cookie)));
      isKnown = seen.every((each) => "user" in each);
      return isKnown;
    });
    if (!isKnown) throw new Error(`A session of ${url} did not reach the other nodes within ${this.#settleMs} ms. Is the relay running?`);
    return cookie;
  }

  /** Sends `total` requests that all read the session before any of them writes; the least that a node counts afterwards. */
  async parallel(total: number, path: (index: number) => string, count: (seen: RaceAttributes) => number): Promise<number> {
    const cookie = await this.login();
    const door = this.door();
    const join = (url: string): string => `${url}${url.includes("?") ? "&" : "?"}door=${door}`;
    const answered = Promise.all(Array.from({ length: total }, (_, index) => this.json(this.url(index), join(path(index)), cookie)));
    // Awaited below; until then a failure must not count as unheard.
    answered.catch(() => undefined);
    await Promise.race([this.everybodyWaits(door, total), answered]);
    await Promise.all(this.urls.map((url) => this.open(url, door)));
    await answered;
    return this.least(cookie, count, total);
  }

  /** A slow request begins at node `trial`; `quickPath` is asked, on another node if there is one, while the slow one waits; then that ends. */
  async overlap(trial: number, slowPath: string, cookie: string, quickPath: string): Promise<void> {
    const door = this.door();
    const slow = this.json(this.url(trial), `${slowPath}?door=${door}`, cookie);
    slow.catch(() => undefined);
    await Promise.race([this.everybodyWaits(door, 1), slow]);
    await this.json(this.url(trial + 1), quickPath, cookie);
    await this.open(this.url(trial), door);
    await slow;
  }

  /** Requests that did not overlap race nobody, and would make any library look good: rejects when fewer than `expected` stand at the door. */
  async everybodyWaits(door: string, expected: number): Promise<void> {
    let waiting = 0;
    await until(ARRIVAL_MS, async () => {
      const counts = await Promise.all(this.urls.map((url) => this.json(url, `/waiting?door=${door}`)));
      waiting = (counts as { waiting: number }[]).reduce((sum, count) => sum + count.waiting, 0);
      return waiting >= expected;
    });
    if (waiting < expected)
      throw new Error(`Only ${waiting} of ${expected} requests overlapped within ${ARRIVAL_MS} ms; try again on a quieter machine.`);
  }

  async open(url: string, door: string): Promise<void> {
    await this.json(url, `/open?door=${door}`);
  }

  /** Asks every node until all count `wanted`, or the time to agree is over; then once more, after all that was on its way has arrived. */
  async least(cookie: string, count: (seen: RaceAttributes) => number, wanted: number): Promise<number> {
    let least = 0;
    const look = async (): Promise<boolean> => {
      const counts = await Promise.all(this.urls.map(async (url) => count(await this.attributes(url, "/session", cookie))));
      least = Math.min(...counts);
      return least === wanted;
    };
    await until(this.#settleMs, look);
    // Changes leave a node in order: where a session that it begins now is known, all that it wrote before is known too.
    for (const url of this.urls) await this.login(url);
    await look();
    return least;
  }

  /** The attributes that `path` shows. */
  async attributes(url: string, path: string, cookie: string): Promise<RaceAttributes> {
    return (await this.json(url, path, cookie)) as RaceAttributes;
  }

  async json(url: string, path: string, cookie?: string): Promise<unknown> {
    const response = await this.request(url, path, cookie);
    return response.json();
  }

  /** Resolves when the headers are here. Follows no redirect. */
  async request(url: string, path: string, cookie?: string): Promise<Response> {
    const signal = AbortSignal.timeout(REQUEST_MS);
    const response = await fetch(url + path, { redirect: "manual", signal, headers: cookie === undefined ? {} : { cookie } });
    if (response.status >= 400) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
    return response;
  }
}

/** Waits for a condition, at most `deadlineMs`; the last look comes after the deadline. */
async function until(deadlineMs: number, condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const isOver = performance.now() >= endMs;
    if ((await condition()) || isOver) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
