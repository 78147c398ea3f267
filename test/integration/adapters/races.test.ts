import { afterEach, describe, expect, test } from "vitest";
import { RACES } from "../../../examples/demo/race/course.ts";
import type { RaceName } from "../../../examples/demo/race/course.ts";
import { start as startExpress } from "../../../examples/demo/race/express.ts";
import { start as startExpressSession } from "../../../examples/demo/race/express-session.ts";
import { start as startFastify } from "../../../examples/demo/race/fastify.ts";
import { start as startKoa } from "../../../examples/demo/race/koa.ts";
import type { RaceApp } from "../../../examples/demo/race/routes.ts";
import { GatedStore } from "./gated-store.ts";

const NOTHING_LOST = {
  distinctKeysKept: 20,
  pushesKept: 20,
  counter: 20,
  readClobbers: 0,
  readResurrects: 0,
  writeResurrects: 0,
  staleRedirects: 0,
};

const APPS = [
  { name: "express", start: startExpress },
  { name: "fastify", start: startFastify },
  { name: "koa", start: startKoa },
];

const running: RaceApp[] = [];

async function run(app: Promise<RaceApp>): Promise<RaceApp> {
  const started = await app;
  running.push(started);
  return started;
}

/** Every race, each against the app that `urlOf` names. */
async function runRaces(urlOf: (race: RaceName) => string, settleMs?: number): Promise<Record<string, number>> {
  const results: Record<string, number> = {};
  for (const race of RACES) {
    results[race.name] = await race.run({ urls: [urlOf(race.name)], ...(settleMs === undefined ? {} : { settleMs }) });
  }
  return results;
}

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
});

describe("races", () => {
  test.each(APPS)("[A24] $name: parallel requests lose nothing, and nothing comes back", async ({ start }) => {
    const { url } = await run(start());
    expect(await runRaces(() => url)).toEqual(NOTHING_LOST);
  });

  test.each(APPS)("[A24] $name: nor where responses wait for a store", async ({ start }) => {
    const { url } = await run(start({ persist: "before", store: new GatedStore() }));
    expect(await runRaces(() => url)).toEqual(NOTHING_LOST);
  });

  test("[A24] the same races find what express-session loses", async () => {
    const { url } = await run(startExpressSession());
    const slow = await run(startExpressSession({ writeLatencyMs: 80 }));
    expect(await runRaces((race) => (race === "staleRedirects" ? slow.url : url), 50)).toEqual({
      distinctKeysKept: 1,
      pushesKept: 1,
      counter: 1,
      readClobbers: 0,
      readResurrects: 0,
      writeResurrects: 5,
      staleRedirects: 10,
    });
  });
});
