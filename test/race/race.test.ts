import { afterEach, describe, expect, test } from "vitest";
import { ADAPTERS } from "./adapters.ts";
import { SCENARIOS } from "./rows.ts";
import { acrossProcesses, inOneProcess, peer, runScenarios } from "./suite.ts";
import type { Deployment } from "./suite.ts";

const closing: Deployment[] = [];

afterEach(async () => {
  for (const deployment of closing.splice(0)) await deployment.close();
});

const WANTED = Object.fromEntries(SCENARIOS.map(({ name, wanted }) => [name, wanted]));

async function countsOf(starting: Promise<Deployment>): Promise<Record<string, number>> {
  const deployment = await starting;
  closing.push(deployment);
  const failures: unknown[] = [];
  const counts = await runScenarios(deployment, SCENARIOS, ({ name }, error) => failures.push(new Error(name, { cause: error })));
  expect(failures).toEqual([]);
  return Object.fromEntries(counts);
}

describe.each(Object.keys(ADAPTERS))("[A24] %s: nothing is lost in any scenario", (adapter) => {
  test("in one process", async () => expect(await countsOf(inOneProcess(adapter))).toEqual(WANTED), 120_000);

  test("on two nodes and a relay, each a process", async () => expect(await countsOf(acrossProcesses(adapter))).toEqual(WANTED), 240_000);
});

test("[A24] the same scenarios find what express-session loses", async () => {
  const counts = await countsOf(peer("express-session"));
  const found = SCENARIOS.filter(({ name, wanted }) => counts[name] !== wanted).map(({ name }) => name);
  // What it does right: an id from before a login is over, and a session after its maxAge, as its store knows it; a request under way at
  // logout ends well; one process agrees with itself.
  const right = SCENARIOS.map(({ name }) => name).filter((name) => !found.includes(name));
  expect(right.toSorted()).toEqual(["nodesDisagree", "newSessionUnknown", "oldIdWorks", "touchFails", "expiryOnlyInBrowser"].toSorted());
}, 120_000);

test("the 21 reports have a scenario each", () => {
  const rows = SCENARIOS.map(({ row }) => row).filter((row) => row > 0);
  expect(rows).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
  expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
});
