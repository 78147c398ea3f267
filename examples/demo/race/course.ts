/** The rows of the table in the README, by the names of its JSON line. 20, 20, 20 and zeros mean that nothing was lost. */
export interface RaceResults {
  /** Of 20 parallel requests that each set a key of their own: keys that are there afterwards. */
  readonly distinctKeysKept: number;
  /** Of 20 parallel pushes of distinct values to one array. */
  readonly pushesKept: number;
  /** After 20 parallel increments. */
  readonly counter: number;
  /** Of 5 slow requests that only read: how many undid a write that came meanwhile. */
  readonly readClobbers: number;
  /** Of 5 slow requests that only read: how many revived a session that was logged out meanwhile. */
  readonly readResurrects: number;
  /** The same of requests that write. */
  readonly writeResurrects: number;
  /** Of 10 redirects that were followed as soon as their headers arrived: how many did not see the write before them. */
  readonly staleRedirects: number;
}

export type RaceName = keyof RaceResults;

export interface Race {
  readonly name: RaceName;
  /** What is counted, for people. */
  readonly title: string;
  /** Out of how many. */
  readonly total: number;
  /** The count when nothing is lost. */
  readonly wanted: number;
  /** Rejects when a request fails: a result of failed requests would say nothing. */
  run(targets: RaceTargets): Promise<number>;
}

export interface RaceTargets {
  /** Nodes of one deployment, each with the routes of this folder. Requests are spread over them, and each is read afterwards. */
  readonly urls: readonly [string, ...string[]];
  /** How long the nodes may take to agree before a result counts as lost. Default 2 s. */
  readonly settleMs?: number;
}

const PARALLEL = 20;
const TRIALS = 5;
const REDIRECTS = 10;
const POLL_MS = 10;
const SETTLE_MS = 2_000;
const ARRIVAL_MS = 5_000;
/** No request takes longer, the slow ones included: a door opens by itself before that. */
const REQUEST_MS = 15_000;

/** All of them, in the order of the table. */
export const RACES: readonly Race[] = [
  {
    name: "distinctKeysKept",
    title: `${PARALLEL} parallel writes, each to a key of its own: kept`,
    total: PARALLEL,
    wanted: PARALLEL,
    run: (targets) =>
      new RaceCourse(targets).parallel(
        (index) => `/set?k=key${index}`,
        (seen) => Object.keys(seen).filter((name) => name.startsWith("key")).length,
      ),
  },
  {
    name: "pushesKept",
    title: `${PARALLEL} parallel pushes to one array: kept`,
    total: PARALLEL,
    wanted: PARALLEL,
    run: (targets) =>
      new RaceCourse(targets).parallel(
        (index) => `/push?v=${index}`,
        (seen) => new Set(seen["items"] as unknown[] | undefined).size,
      ),
  },
  {
    name: "counter",
    title: `${PARALLEL} parallel increments of one number: counted`,
    total: PARALLEL,
    wanted: PARALLEL,
    run: (targets) =>
      new RaceCourse(targets).parallel(
        () => "/count",
        (seen) => Number(seen["visits"] ?? 0),
      ),
  },
  {
    name: "readClobbers",
    title: "a slow request that only reads undoes a write",
    total: TRIALS,
    wanted: 0,
    run: (targets) => new RaceCourse(targets).readClobbers(),
  },
  {
    name: "readResurrects",
    title: "a slow request that only reads undoes a logout",
    total: TRIALS,
    wanted: 0,
    run: (targets) => new RaceCourse(targets).resurrections("/read-slow"),
  },
  {
    name: "writeResurrects",
    title: "a slow request that writes undoes a logout",
    total: TRIALS,
    wanted: 0,
    run: (targets) => new RaceCourse(targets).resurrections("/slow-write"),
  },
  {
    name: "staleRedirects",
    title: "a redirect arrives before its own write",
    total: REDIRECTS,
    wanted: 0,
    run: (targets) => new RaceCourse(targets).staleRedirects(),
  },
];

type Attributes = Readonly<Record<string, unknown>>;

class RaceCourse {
  readonly #urls: readonly [string, ...string[]];
  readonly #settleMs: number;
  #doorCount = 0;

  constructor({ urls, settleMs = SETTLE_MS }: RaceTargets) {
    this.#urls = urls;
    this.#settleMs = settleMs;
  }

  /** Sends 20 requests that all read the session before any of them writes; the least that a node counts afterwards. */
  async parallel(path: (index: number) => string, count: (seen: Attributes) => number): Promise<number> {
    const cookie = await this.#login();
    const door = this.#door();
    const join = (url: string): string => `${url}${url.includes("?") ? "&" : "?"}door=${door}`;
    const answers = Array.from({ length: PARALLEL }, (_, index) => get(this.#url(index), join(path(index)), cookie));
    const answered = Promise.all(answers);
    // Awaited below; until then a failure must not count as unheard.
    answered.catch(() => undefined);
    await Promise.race([this.#everybodyWaits(door, PARALLEL), answered]);
    await Promise.all(this.#urls.map((url) => get(url, `/open?door=${door}`)));
    await answered;
    return this.#least(cookie, count, PARALLEL);
  }

  async readClobbers(): Promise<number> {
    let lost = 0;
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const cookie = await this.#login();
      await this.#overlap(trial, "/read-slow", cookie, "/set?k=written");
      if ((await this.#least(cookie, (seen) => ("written" in seen ? 1 : 0), 1)) === 0) lost += 1;
    }
    return lost;
  }

  async resurrections(slowPath: string): Promise<number> {
    let revived = 0;
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const cookie = await this.#login();
      await this.#overlap(trial, slowPath, cookie, "/logout");
      if ((await this.#least(cookie, (seen) => ("user" in seen || "late" in seen ? 0 : 1), 1)) === 0) revived += 1;
    }
    return revived;
  }

  async staleRedirects(): Promise<number> {
    const [url] = this.#urls;
    let stale = 0;
    for (let attempt = 0; attempt < REDIRECTS; attempt += 1) {
      const cookie = await this.#login();
      const redirected = await request(url, `/redirect?v=${attempt}`, cookie);
      // The headers are here; a browser goes on at once and does not wait for the body.
      const seen = await attributes(url, redirected.headers.get("location") ?? "", cookie);
      await redirected.arrayBuffer();
      if (seen["last"] !== String(attempt)) stale += 1;
    }
    return stale;
  }

  /** A slow request begins; `quickPath` is asked, on another node if there is one, while the slow one waits; then the slow one ends. */
  async #overlap(trial: number, slowPath: string, cookie: string, quickPath: string): Promise<void> {
    const door = this.#door();
    const slow = get(this.#url(trial), `${slowPath}?door=${door}`, cookie);
    slow.catch(() => undefined);
    await Promise.race([this.#everybodyWaits(door, 1), slow]);
    await get(this.#url(trial + 1), quickPath, cookie);
    await get(this.#url(trial), `/open?door=${door}`);
    await slow;
  }

  async #everybodyWaits(door: string, expected: number): Promise<void> {
    let waiting = 0;
    await until(ARRIVAL_MS, async () => {
      const counts = await Promise.all(this.#urls.map((url) => get(url, `/waiting?door=${door}`) as Promise<{ waiting: number }>));
      waiting = counts.reduce((sum, count) => sum + count.waiting, 0);
      return waiting >= expected;
    });
    // Requests that did not overlap race nobody, and would make any library look good.
    if (waiting < expected)
      throw new Error(`Only ${waiting} of ${expected} requests overlapped within ${ARRIVAL_MS} ms; try again on a quieter machine.`);
  }

  /** Asks every node until all count `wanted`, or the time to agree is over; then once more, after all that was on its way has arrived. */
  async #least(cookie: string, count: (seen: Attributes) => number, wanted: number): Promise<number> {
    let least = 0;
    const look = async (): Promise<boolean> => {
      const counts = await Promise.all(this.#urls.map(async (url) => count(await attributes(url, "/session", cookie))));
      least = Math.min(...counts);
      return least === wanted;
    };
    await until(this.#settleMs, look);
    await this.#drain();
    await look();
    return least;
  }

  /** Changes leave a node in order: where a session that it begins now is known, all that it wrote before is known too. */
  async #drain(): Promise<void> {
    for (const url of this.#urls) await this.#login(url);
  }

  /** A session with a user, begun at `url` and known to every node. */
  async #login(url: string = this.#urls[0]): Promise<string> {
    const response = await request(url, "/login");
    await response.arrayBuffer();
    const cookie = response.headers.getSetCookie()[0]?.split(";")[0];
    if (cookie === undefined) throw new Error(`The race app at ${url} set no cookie at /login.`);
    const others = this.#urls.filter((other) => other !== url);
    let isKnown = others.length === 0;
    await until(this.#settleMs, async () => {
      const seen = await Promise.all(others.map((other) => attributes(other, "/session", cookie)));
      isKnown = seen.every((each) => "user" in each);
      return isKnown;
    });
    if (!isKnown) throw new Error(`A session of ${url} did not reach the other nodes within ${this.#settleMs} ms. Is the relay running?`);
    return cookie;
  }

  #url(index: number): string {
    return this.#urls[index % this.#urls.length] ?? this.#urls[0];
  }

  #door(): string {
    this.#doorCount += 1;
    return `door${this.#doorCount}`;
  }
}

async function attributes(url: string, path: string, cookie: string): Promise<Attributes> {
  return (await get(url, path, cookie)) as Attributes;
}

async function get(url: string, path: string, cookie?: string): Promise<unknown> {
  const response = await request(url, path, cookie);
  return response.json();
}

async function request(url: string, path: string, cookie?: string): Promise<Response> {
  const signal = AbortSignal.timeout(REQUEST_MS);
  const response = await fetch(url + path, { redirect: "manual", signal, headers: cookie === undefined ? {} : { cookie } });
  if (response.status >= 400) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
  return response;
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
