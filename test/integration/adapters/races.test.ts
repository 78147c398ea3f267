import { afterAll, afterEach, describe, expect, test } from "vitest";
import { start as startExpress } from "../../../examples/demo/race/express.ts";
import { start as startExpressSession } from "../../../examples/demo/race/express-session.ts";
import { start as startFastify } from "../../../examples/demo/race/fastify.ts";
import { start as startKoa } from "../../../examples/demo/race/koa.ts";
import type { EngineOptions } from "../../../src/engine/index.ts";
import { startRelay } from "../../../src/relay/index.ts";
import { relays } from "../../../src/sync/index.ts";
import { raceContract, type RaceHandlers, type RaceName, type RaceNode, RACES, runContract } from "../../../src/testing/index.ts";
import { TEST_SECRET } from "../../support/relay-holder.ts";
import { GatedStore } from "./gated-store.ts";

const APPS: readonly { readonly name: string; readonly start: (options: EngineOptions, handlers: RaceHandlers) => Promise<RaceNode> }[] = [
  { name: "express", start: startExpress },
  { name: "fastify", start: startFastify },
  { name: "koa", start: startKoa },
];

const closing: (() => Promise<void>)[] = [];
let relay: ReturnType<typeof startRelay> | undefined;

/** One for all races: its sessions do not meet. */
async function relayAddress(): Promise<string> {
  relay ??= startRelay({ secret: TEST_SECRET });
  return (await relay).address;
}

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

afterAll(async () => {
  await (await relay)?.close();
});

for (const { name, start } of APPS) {
  runContract(raceContract({ name, start: (handlers) => start({}, handlers) }), { describe, test });

  const storing = (handlers: RaceHandlers): Promise<RaceNode> => start({ persist: "before", store: new GatedStore() }, handlers);
  runContract(raceContract({ name: `${name}, whose responses wait for a store`, start: storing }), { describe, test });

  const meeting = async (handlers: RaceHandlers): Promise<RaceNode> =>
    start({ sync: relays([await relayAddress()], { alone: "serve", secret: TEST_SECRET }) }, handlers);
  runContract(raceContract({ name: `${name} on a relay`, start: meeting }, { nodeCount: 2 }), { describe, test });
}

test("[A24] the same races find what express-session loses", async () => {
  const started = await startExpressSession();
  const slow = await startExpressSession({ writeLatencyMs: 80 });
  closing.push(started.close, slow.close);
  const results: Partial<Record<RaceName, number>> = {};
  for (const race of RACES) {
    const { url } = race.name === "staleRedirects" ? slow : started;
    results[race.name] = await race.run({ urls: [url], settleMs: 50 });
  }
  expect(results).toEqual({
    distinctKeysKept: 1,
    pushesKept: 1,
    counter: 1,
    readClobbers: 0,
    readResurrects: 0,
    writeResurrects: 5,
    staleRedirects: 10,
  });
});

test("[A24] a library that loses fails the races that it loses, and each says how many", async () => {
  const races = RACES.filter(({ name }) => name === "distinctKeysKept" || name === "readClobbers" || name === "writeResurrects");
  const { cases } = raceContract(
    { name: "express-session", start: (handlers) => startExpressSession({}, handlers) },
    { races, settleMs: 50 },
  );
  const outcomes = await Promise.allSettled(cases.map((each) => each.run()));
  expect(outcomes.map((outcome) => (outcome.status === "rejected" ? (outcome.reason as Error).message : "held"))).toEqual([
    "distinctKeysKept: 1 of 20, and 20 where nothing is lost",
    "held",
    "writeResurrects: 5 of 5, and 0 where nothing is lost",
  ]);
});
