import { RaceCourse, type RaceTargets } from "./race-course.ts";

/** By the names of the races' JSON line. 20, 20, 20 and zeros mean that nothing was lost. */
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

/** One scenario. Others can stand beside those that are here: `RaceCourse` and routes of their own for `RaceHandlers`. */
export interface Race<Name extends string = string> {
  /** As it stands in a line of JSON. */
  readonly name: Name;
  /** What is counted, for people. */
  readonly title: string;
  /** Out of how many. */
  readonly total: number;
  /** The count when nothing is lost. */
  readonly wanted: number;
  /** Rejects when a request fails: a result of failed requests would say nothing. */
  run(targets: RaceTargets): Promise<number>;
}

const PARALLEL = 20;
const TRIALS = 5;
const REDIRECTS = 10;

/** What every session library for Node was seen to lose, in the order of the table in the README. */
export const RACES: readonly Race<RaceName>[] = [
  {
    name: "distinctKeysKept",
    title: `${PARALLEL} parallel writes, each to a key of its own: kept`,
    total: PARALLEL,
    wanted: PARALLEL,
    run: (targets) =>
      new RaceCourse(targets).parallel(
        PARALLEL,
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
        PARALLEL,
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
        PARALLEL,
        () => "/count",
        (seen) => Number(seen["visits"] ?? 0),
      ),
  },
  {
    name: "readClobbers",
    title: "a slow request that only reads undoes a write",
    total: TRIALS,
    wanted: 0,
    run: readClobbers,
  },
  {
    name: "readResurrects",
    title: "a slow request that only reads undoes a logout",
    total: TRIALS,
    wanted: 0,
    run: (targets) => resurrections(targets, "/read-slow"),
  },
  {
    name: "writeResurrects",
    title: "a slow request that writes undoes a logout",
    total: TRIALS,
    wanted: 0,
    run: (targets) => resurrections(targets, "/slow-write"),
  },
  {
    name: "staleRedirects",
    title: "a redirect arrives before its own write",
    total: REDIRECTS,
    wanted: 0,
    run: staleRedirects,
  },
];

async function readClobbers(targets: RaceTargets): Promise<number> {
  const course = new RaceCourse(targets);
  let lost = 0;
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const cookie = await course.login();
    await course.overlap(trial, "/read-slow", cookie, "/set?k=written");
    if ((await course.least(cookie, (seen) => ("written" in seen ? 1 : 0), 1)) === 0) lost += 1;
  }
  return lost;
}

async function resurrections(targets: RaceTargets, slowPath: string): Promise<number> {
  const course = new RaceCourse(targets);
  let revived = 0;
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const cookie = await course.login();
    await course.overlap(trial, slowPath, cookie, "/logout");
    if ((await course.least(cookie, (seen) => ("user" in seen || "late" in seen ? 0 : 1), 1)) === 0) revived += 1;
  }
  return revived;
}

async function staleRedirects(targets: RaceTargets): Promise<number> {
  const course = new RaceCourse(targets);
  const [url] = course.urls;
  let stale = 0;
  for (let attempt = 0; attempt < REDIRECTS; attempt += 1) {
    const cookie = await course.login();
    const redirected = await course.request(url, `/redirect?v=${attempt}`, cookie);
    // The headers are here; a browser goes on at once and does not wait for the body.
    const seen = await course.attributes(url, redirected.headers.get("location") ?? "", cookie);
    await redirected.arrayBuffer();
    if (seen["last"] !== String(attempt)) stale += 1;
  }
  return stale;
}
