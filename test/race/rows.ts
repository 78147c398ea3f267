import { RaceCourse, RACES } from "../../src/testing/index.ts";
import type { Race } from "../../src/testing/index.ts";
import { exchange, isAlive } from "./visitor.ts";

/** As which configuration of the other libraries runs it: as their documentation recommends, as they are by default, or on a slow store. */
export type PeerSetup = "recommended" | "default" | "slow";

/** One row of what people reported (`row`: its number in the list of threads; 0: the races themselves). */
export interface Scenario extends Race {
  readonly row: number;
  readonly peer: PeerSetup;
}

const TRIALS = 5;
const PARALLEL = 20;

/** The races, then one scenario for each of the 21 reports. `wanted` is what DESIGN 7 promises. */
export const SCENARIOS: readonly Scenario[] = [
  ...RACES.map((race): Scenario => ({ ...race, row: 0, peer: peerOf(race.name) })),
  lost(1, "slowRequestErases", "a slow request erases what a fast one wrote", (course) =>
    trials(course, async (cookie, trial) => {
      await course.overlap(trial, "/set-late", cookie, "/set?k=fast");
      return least(course, cookie, ["fast", "late"]);
    }),
  ),
  kept(2, "parallelUploads", "parallel uploads, each an entry of one object: kept", (course) =>
    course.parallel(
      PARALLEL,
      (index) => `/upload?v=file${index}`,
      (seen) => Object.keys(seen["uploads"] ?? {}).length,
    ),
  ),
  kept(3, "overlappingForms", "overlapping requests that fill fields of one nested object: kept", (course) =>
    course.parallel(
      PARALLEL,
      (index) => `/profile?f=field${index}`,
      (seen) => Object.keys((seen["profile"] as { address?: object } | undefined)?.address ?? {}).length,
    ),
  ),
  kept(4, "mergesMixed", "pushes and new properties at the same time: kept", (course) =>
    course.parallel(
      PARALLEL,
      (index) => `/mixed?v=${index}`,
      (seen) => ((seen["items"] ?? []) as unknown[]).length + Object.keys(seen["cart"] ?? {}).length,
    ),
  ),
  lost(5, "nodesDisagree", "two write one value at the same time, and readers disagree on it", (course) =>
    trials(course, async (cookie, trial) => {
      const door = course.door();
      const writing = [0, 1].map((index) => course.json(course.url(trial + index), `/choose?v=${index}&door=${door}`, cookie));
      await course.everybodyWaits(door, 2);
      for (const url of course.urls) await course.open(url, door);
      await Promise.all(writing);
      // First until all have one, then after all that was on its way has arrived.
      if ((await course.least(cookie, (seen) => ("choice" in seen ? 1 : 0), 1)) === 0) return false;
      const choices = await Promise.all(course.urls.map(async (url) => (await course.attributes(url, "/session", cookie))["choice"]));
      return choices.every((choice) => choice === choices[0]);
    }),
  ),
  lost(
    6,
    "loginStateDropped",
    "a slow reader drops the state of a login under way",
    (course) =>
      trials(course, async (cookie, trial) => {
        await course.overlap(trial, "/read-slow", cookie, "/set?k=state");
        return least(course, cookie, ["state"]);
      }),
    "default",
  ),
  lost(7, "logoutUndone", "a request that is under way at logout saves the session again", (course) =>
    trials(course, async (cookie, trial) => {
      await course.overlap(trial, "/read-all-late", cookie, "/logout");
      return !(await isAlive(course, cookie));
    }),
  ),
  lost(
    8,
    "touchedAfterLogout",
    "a request that only touches gives a logged-out session its cookie back",
    (course) =>
      trials(course, async (cookie, trial) => {
        const door = course.door();
        const touching = exchange(course.url(trial), `/touch?door=${door}`, cookie);
        await course.everybodyWaits(door, 1);
        await course.json(course.url(trial + 1), "/logout", cookie);
        await course.open(course.url(trial), door);
        const { cookies } = await touching;
        return cookies.size === 0 && !(await isAlive(course, cookie));
      }),
    "default",
  ),
  lost(9, "arrayDoubled", "a stale write brings back what was taken out of an array, or doubles it", (course) =>
    trials(course, async (cookie, trial) => {
      await course.json(course.url(0), "/five", cookie);
      await course.least(cookie, (seen) => ((seen["five"] ?? []) as unknown[]).length, 5);
      await course.overlap(trial, "/set-late", cookie, "/drop-third");
      return (await course.least(cookie, (seen) => (JSON.stringify(seen["five"]) === "[1,2,4,5]" && "late" in seen ? 1 : 0), 1)) === 1;
    }),
  ),
  lost(10, "deletedReturns", "a stale write brings a deleted key back", (course) =>
    trials(course, async (cookie, trial) => {
      await course.json(course.url(0), "/five", cookie);
      await course.least(cookie, (seen) => ("gone" in seen ? 1 : 0), 1);
      await course.overlap(trial, "/set-late", cookie, "/remove");
      return (await course.least(cookie, (seen) => (!("gone" in seen) && "late" in seen ? 1 : 0), 1)) === 1;
    }),
  ),
  lost(
    11,
    "redirectTooEarly",
    "a redirect, followed at once on the next node, does not see its write",
    (course) =>
      trials(course, async (cookie, trial) => {
        const first = await exchange(course.url(trial), `/redirect?v=${trial}`, cookie);
        const next = await exchange(course.url(trial + 1), first.location, first.jar);
        await first.drain();
        return (next.body as { last?: unknown }).last === String(trial);
      }),
    "slow",
  ),
  lost(
    12,
    "flashLost",
    "a flash message is lost between a form and the page after it, or shown twice",
    (course) =>
      trials(course, async (cookie, trial) => {
        const form = await exchange(course.url(trial), `/flash?v=${trial}`, cookie);
        const page = await exchange(course.url(trial + 1), form.location, form.jar);
        await form.drain();
        const again = await exchange(course.url(trial), "/flashed", page.jar);
        return JSON.stringify(page.body) === JSON.stringify({ flash: [String(trial)] }) && JSON.stringify(again.body) === '{"flash":[]}';
      }),
    "slow",
  ),
  lost(
    13,
    "newSessionUnknown",
    "a new session is not there for the request that follows it",
    (course) =>
      trials(course, async (_cookie, trial) => {
        const login = await exchange(course.url(trial), "/login", "");
        const next = await exchange(course.url(trial + 1), "/session", login.jar);
        await login.drain();
        return (next.body as { user?: unknown }).user === "Ada";
      }),
    "slow",
  ),
  lost(14, "loginOverwritten", "a parallel request with the id from before a login overwrites the cookie of the login", (course) =>
    trials(course, async (cookie, trial) => {
      const login = await exchange(course.url(trial), "/sign-in", cookie);
      await login.drain();
      const late = await exchange(course.url(trial + 1), "/set?k=parallel", cookie);
      return late.cookies.size === 0 && (await isAlive(course, login.jar));
    }),
  ),
  lost(15, "savedTwice", "a request that saves twice overwrites what came between", (course) =>
    trials(course, async (cookie, trial) => {
      await course.overlap(trial, "/save-then-write", cookie, "/set?k=between");
      return least(course, cookie, ["first", "between", "last"]);
    }),
  ),
  lost(16, "oldIdWorks", "the id from before a login still opens the session", (course) =>
    trials(course, async (cookie, trial) => {
      const login = await exchange(course.url(trial), "/sign-in", cookie);
      await login.drain();
      return !(await isAlive(course, cookie)) && (await isAlive(course, login.jar));
    }),
  ),
  {
    ...shape(17, "sessionsOfVisitors", "6 parallel first visits that write nothing: sessions that they begin", "default"),
    total: 6,
    wanted: 0,
    run: async ({ urls }) => {
      const visits = await Promise.all(
        Array.from({ length: 6 }, (_, index) => exchange(urls[index % urls.length] ?? urls[0], "/session", "")),
      );
      return visits.filter(({ cookies }) => cookies.size > 0).length;
    },
  },
  lost(
    18,
    "touchRollsBack",
    "a touch writes a stale session over a newer one",
    (course) =>
      trials(course, async (cookie, trial) => {
        await course.overlap(trial, "/touch", cookie, "/set?k=newer");
        return least(course, cookie, ["newer"]);
      }),
    "default",
  ),
  {
    ...shape(19, "writesOfReaders", "20 requests that only read: writes to the store", "default"),
    total: PARALLEL,
    wanted: 0,
    run: async (targets) => {
      const course = new RaceCourse(targets);
      const cookie = await course.login();
      const before = await writesOf(course);
      for (let index = 0; index < PARALLEL; index += 1) await course.json(course.url(index), "/session", cookie);
      return (await writesOf(course)) - before;
    },
  },
  lost(20, "touchFails", "a request under way at logout ends in an error", (course) =>
    trials(course, async (cookie, trial) => {
      const door = course.door();
      const reading = exchange(course.url(trial), `/read-slow?door=${door}`, cookie);
      await course.everybodyWaits(door, 1);
      await course.json(course.url(trial + 1), "/logout", cookie);
      await course.open(course.url(trial), door);
      return (await reading).status === 200;
    }),
  ),
  {
    ...shape(21, "expiryOnlyInBrowser", "a session outlives its maxAge for a client that keeps the cookie", "recommended"),
    total: 1,
    wanted: 0,
    run: async (targets) => {
      const course = new RaceCourse(targets);
      const cookie = await course.login();
      const short = await exchange(course.url(0), "/short", cookie);
      await short.drain();
      // The session's own time is what is looked at: a second is more than its 600 ms, on every node.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return (await isAlive(course, short.jar)) ? 1 : 0;
    },
  },
];

type Run = (course: RaceCourse) => Promise<number>;

function shape(row: number, name: string, title: string, peer: PeerSetup): Pick<Scenario, "row" | "name" | "title" | "peer"> {
  return { row, name, title, peer };
}

/** Counts failures: none are wanted. */
function lost(row: number, name: string, title: string, run: Run, peer: PeerSetup = "recommended"): Scenario {
  return { ...shape(row, name, title, peer), total: TRIALS, wanted: 0, run: (targets) => run(new RaceCourse(targets)) };
}

/** Counts what is kept: all is wanted. */
function kept(row: number, name: string, title: string, run: Run): Scenario {
  return { ...shape(row, name, title, "recommended"), total: PARALLEL, wanted: PARALLEL, run: (targets) => run(new RaceCourse(targets)) };
}

/** How many of five trials failed, each with a session of its own. */
async function trials(course: RaceCourse, succeeds: (cookie: string, trial: number) => Promise<boolean>): Promise<number> {
  let failed = 0;
  for (let trial = 0; trial < TRIALS; trial += 1) if (!(await succeeds(await course.login(), trial))) failed += 1;
  return failed;
}

async function least(course: RaceCourse, cookie: string, names: readonly string[]): Promise<boolean> {
  return (await course.least(cookie, (seen) => names.filter((name) => name in seen).length, names.length)) === names.length;
}

async function writesOf(course: RaceCourse): Promise<number> {
  const counts = await Promise.all(course.urls.map((url) => course.json(url, "/writes")));
  return counts.reduce<number>((sum, count) => sum + (count as { writes: number }).writes, 0);
}

function peerOf(name: string): PeerSetup {
  if (name === "staleRedirects") return "slow";
  return name === "readClobbers" || name === "readResurrects" ? "default" : "recommended";
}
