/** The races of the table in the README, by the names of its JSON line. 20, 20, 20 and zeros mean that nothing was lost. */
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

export interface RaceTargets {
  /** Nodes of one deployment, each with the routes of examples/demo/race. Requests are spread over them, and each is read afterwards. */
  readonly urls: readonly [string, ...string[]];
  /** Where redirects are raced. Default: the first node. */
  readonly redirectUrl?: string;
  /** How long the nodes may take to agree before a result counts as lost. Default 2 s. */
  readonly settleMs?: number;
}

const PARALLEL = 20;
const TRIALS = 5;
const REDIRECTS = 10;
const POLL_MS = 10;
const SETTLE_MS = 2_000;
const ARRIVAL_MS = 5_000;

type Attributes = Readonly<Record<string, unknown>>;

/** Runs every race. Rejects when a request fails: a result of failed requests would say nothing. */
export async function runRaces(targets: RaceTargets): Promise<RaceResults> {
  const course = new RaceCourse(targets);
  return {
    distinctKeysKept: await course.parallel(
      (index) => `/set?k=key${index}`,
      (seen) => Object.keys(seen).filter((name) => name.startsWith("key")).length,
    ),
    pushesKept: await course.parallel(
      (index) => `/push?v=${index}`,
      (seen) => new Set(seen["items"] as unknown[] | undefined).size,
    ),
    counter: await course.parallel(
      () => "/count",
      (seen) => Number(seen["visits"] ?? 0),
    ),
    readClobbers: await course.readClobbers(),
    readResurrects: await course.resurrections("/read-slow"),
    writeResurrects: await course.resurrections("/slow-write"),
    staleRedirects: await course.staleRedirects(),
  };
}

class RaceCourse {
  readonly #urls: readonly [string, ...string[]];
  readonly #redirectUrl: string;
  readonly #settleMs: number;
  #doorCount = 0;

  constructor({ urls, redirectUrl = urls[0], settleMs = SETTLE_MS }: RaceTargets) {
    this.#urls = urls;
    this.#redirectUrl = redirectUrl;
    this.#settleMs = settleMs;
  }

  /** Sends 20 requests that all read the session before any of them writes; the least that a node counts afterwards. */
  async parallel(path: (index: number) => string, count: (seen: Attributes) => number): Promise<number> {
    const cookie = await this.#login();
    const door = this.#door();
    const join = (url: string): string => `${url}${url.includes("?") ? "&" : "?"}door=${door}`;
    const answers = Array.from({ length: PARALLEL }, (_, index) => get(this.#url(index), join(path(index)), cookie));
    const failed = Promise.all(answers);
    await Promise.race([this.#everybodyWaits(door, PARALLEL), failed]);
    await Promise.all(this.#urls.map((url) => get(url, `/open?door=${door}`)));
    await failed;
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
    let stale = 0;
    for (let attempt = 0; attempt < REDIRECTS; attempt += 1) {
      const cookie = await this.#login(this.#redirectUrl);
      const redirected = await request(this.#redirectUrl, `/redirect?v=${attempt}`, cookie);
      // The headers are here; a browser goes on at once and does not wait for the body.
      const seen = await attributes(this.#redirectUrl, redirected.headers.get("location") ?? "", cookie);
      await redirected.arrayBuffer();
      if (seen["last"] !== String(attempt)) stale += 1;
    }
    return stale;
  }

  /** A slow request begins; `quickPath` is asked, on another node if there is one, while the slow one waits; then the slow one ends. */
  async #overlap(trial: number, slowPath: string, cookie: string, quickPath: string): Promise<void> {
    const door = this.#door();
    const slow = get(this.#url(trial), `${slowPath}?door=${door}`, cookie);
    await Promise.race([this.#everybodyWaits(door, 1), slow]);
    await get(this.#url(trial + 1), quickPath, cookie);
    await get(this.#url(trial), `/open?door=${door}`);
    await slow;
  }

  async #everybodyWaits(door: string, expected: number): Promise<void> {
    await until(ARRIVAL_MS, async () => {
      const counts = await Promise.all(this.#urls.map((url) => get(url, `/waiting?door=${door}`) as Promise<{ waiting: number }>));
      return counts.reduce((sum, { waiting }) => sum + waiting, 0) >= expected;
    });
  }

  /** Asks every node until all count `wanted`, or the time to agree is over. */
  async #least(cookie: string, count: (seen: Attributes) => number, wanted: number): Promise<number> {
    let least = 0;
    await until(this.#settleMs, async () => {
      const counts = await Promise.all(this.#urls.map(async (url) => count(await attributes(url, "/session", cookie))));
      least = Math.min(...counts);
      return least === wanted;
    });
    return least;
  }

  /** A session with a user, as every node sees it. */
  async #login(url: string = this.#urls[0]): Promise<string> {
    const response = await request(url, "/login");
    await response.arrayBuffer();
    const cookie = response.headers.getSetCookie()[0]?.split(";")[0];
    if (cookie === undefined) throw new Error(`The race app at ${url} set no cookie at /login.`);
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
  const response = await fetch(url + path, { redirect: "manual", headers: cookie === undefined ? {} : { cookie } });
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
