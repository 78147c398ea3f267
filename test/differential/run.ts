import type { App, StartApp } from "./app.ts";
import { startExpress } from "./apps/express.ts";
import { startFastify } from "./apps/fastify.ts";
import { startKoa } from "./apps/koa.ts";
import { Browser } from "./browser.ts";
import { StoppedClock } from "./clock.ts";
import { differences, fieldsOf, SessionNames } from "./compare.ts";
import type { Difference, Fields } from "./compare.ts";
import { INTENDED } from "./intended.ts";
import type { IntendedDifference, Observed } from "./intended.ts";
import type { Framework, Script, Side, Step } from "./script.ts";

/** What came of one script. */
export interface CaseResult {
  readonly script: Script;
  readonly intended: ReadonlySet<IntendedDifference>;
  readonly unexplained: readonly Difference[];
}

const START: Readonly<Record<Framework, StartApp>> = { express: startExpress, fastify: startFastify, koa: startKoa };

const STEP_MS = 10;
const START_MS = Date.UTC(2026, 0, 1);

/** Runs a script against both libraries, one after the other, each at the same instants. */
export async function runCase(script: Script): Promise<CaseResult> {
  const theirs = await observe(script, "theirs");
  const ours = await observe(script, "ours");
  const intended = new Set<IntendedDifference>();
  const unexplained: Difference[] = [];
  script.steps.forEach((_, step) => {
    for (const difference of differences(step, theirs[step] ?? new Map(), ours[step] ?? new Map())) {
      const entry = explanationOf({ script, steps: { theirs, ours } }, difference);
      if (entry === undefined) unexplained.push(difference);
      else intended.add(entry);
    }
  });
  return { script, intended, unexplained };
}

/** Undefined: nobody intended that. */
export function explanationOf(observed: Observed, difference: Difference): IntendedDifference | undefined {
  return INTENDED.find((entry) => entry.frameworks.includes(observed.script.framework) && entry.matches(observed, difference));
}

async function observe(script: Script, side: Side): Promise<Fields[]> {
  const clock = new StoppedClock(START_MS);
  clock.install();
  let app: App | undefined;
  let browser: Browser | undefined;
  try {
    app = await START[script.framework](script, side);
    browser = new Browser(app.port, app.cookieName);
    const names = new SessionNames();
    const seen: Fields[] = [];
    for (const step of script.steps) seen.push(await answered(browser, app, step, names, clock));
    return seen;
  } catch (error) {
    return [new Map([["start", error instanceof Error ? error.message : String(error)]])];
  } finally {
    browser?.close();
    await app?.close();
    clock.remove();
  }
}

async function answered(browser: Browser, app: App, step: Step, names: SessionNames, clock: StoppedClock): Promise<Fields> {
  clock.advance(step.afterMs ?? STEP_MS);
  try {
    return fieldsOf(await browser.send(step), app, names);
  } catch (error) {
    return new Map([["no answer", error instanceof Error ? error.message : String(error)]]);
  }
}
