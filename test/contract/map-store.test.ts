import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { CarelessStore } from "../../examples/testing/careless-store.ts";
import { MapStore } from "../../examples/testing/map-store.ts";
import { runContract, sessionStoreContract } from "../../src/testing/index.ts";

/** What saving whole sessions, forgetting ends, sharing bytes and looking before taking break. */
const BROKEN = ["ST2", "ST3", "ST4", "ST7", "ST8"];

runContract(sessionStoreContract({ name: "a Map", open: (context) => ({ store: new MapStore(context) }) }), { describe, test });

/** The ids that titles begin with, each once. */
function lawsOf(titles: readonly string[]): string[] {
  return [...new Set(titles.flatMap((title) => [...title.matchAll(/\[([A-Z]+\d+)\]/g)].map(([, id = ""]) => id)))].toSorted();
}

/** What `node --test` says of one of the examples: how it ended, and the titles of what held and what did not. */
function underNodeTest(file: string): { code: number | null; held: string[]; failed: string[] } {
  const { stdout, status } = spawnSync(process.execPath, ["--import", "tsx", "--test", "--test-reporter=tap", file], {
    encoding: "utf8",
    timeout: 60_000,
    // Inside a run of another test program it would report to that one.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const titles = (beginning: string): string[] =>
    stdout
      .split("\n")
      .filter((line) => line.startsWith(`    ${beginning} `))
      .map((line) => line.slice(line.indexOf(" - ") + 3));
  return { code: status, held: titles("ok"), failed: titles("not ok") };
}

describe("the kit", () => {
  test("[T3] finds each law that a careless store breaks, and no other, when its cases are run by hand", async () => {
    const { cases } = sessionStoreContract({ name: "careless", open: (context) => ({ store: new CarelessStore(context) }) });
    const failed: string[] = [];
    for (const { name, run } of cases) await run().catch(() => failed.push(name));
    expect(lawsOf(failed)).toEqual(BROKEN);
    expect(cases.length - failed.length).toBe(13);
  });

  test("[T3] finds the same under node:test", () => {
    const { code, held, failed } = underNodeTest("examples/testing/careless-store.test.ts");
    expect(lawsOf(failed)).toEqual(BROKEN);
    expect([code, held.length]).toEqual([1, 13]);
  });

  test("[T3] finds nothing in the reference under node:test", () => {
    const { code, held, failed } = underNodeTest("examples/testing/map-store.test.ts");
    expect([code, held.length, failed]).toEqual([0, 22, []]);
  });

  test("[T3] fails a store that has other parts than its author says", async () => {
    const { cases } = sessionStoreContract({
      name: "a Map",
      open: (context) => ({ store: new MapStore(context) }),
      parts: ["reopen", "version"],
    });
    const outcome = await cases
      .find(({ name }) => name.includes("parts"))
      ?.run()
      .catch((error: unknown) => error);
    expect(outcome).toMatchObject({ name: "AssertionError", message: expect.stringContaining("`parts` must name") as unknown });
  });
});
