/*
 * Uses damaged copies of a store in every way, one after the other: `lmdb-damaged.ts <folder of the copies>`, which has `expected.json`.
 * Prints a line of JSON for each, so that a crash tells by which; and `done` at the end.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeRecord, SessionError, type SessionStore } from "../../src/engine/index.ts";
import { keyOfNumber, openStore, recordOf } from "../support/lmdb-folder.ts";
import { print } from "../support/print.ts";

export interface Expected {
  /** Base64 of each session's record, by key. */
  readonly sessions: Readonly<Record<string, string>>;
  readonly revocations: Readonly<Record<string, number>>;
  /** Names claimed of the first session. */
  readonly claims: readonly string[];
}

export interface Outcome {
  readonly name: string;
  /** The code with which it was refused. */
  readonly refused?: string;
  readonly message?: string;
  /** What each thing turned out to be: as it was written, refused with a code, or `wrong`. */
  readonly found?: Readonly<Record<string, number>>;
  /** What went wrong although nothing was refused. */
  readonly wrong?: readonly string[];
}

const [root = ""] = process.argv.slice(2);
const expected = JSON.parse(readFileSync(join(root, "expected.json"), "utf8")) as Expected;
for (const name of readdirSync(root).filter((entry) => entry !== "expected.json")) {
  print(`next ${name}`);
  print(JSON.stringify(await outcomeOf(name)));
}
print("done");

async function outcomeOf(name: string): Promise<Outcome> {
  let store: SessionStore;
  try {
    store = openStore(join(root, name));
  } catch (error) {
    return { name, refused: codeOf(error), message: String(error) };
  }
  const found: Record<string, number> = {};
  const wrong: string[] = [];
  const look = async (what: string, check: () => Promise<boolean>): Promise<void> => {
    const result = await check().then(
      (isRight) => (isRight ? "right" : "wrong"),
      (error: unknown) => codeOf(error),
    );
    if (result === "wrong" || !/^[A-Z_]+$|^right$/.test(result)) wrong.push(`${what}: ${result}`);
    found[result] = (found[result] ?? 0) + 1;
  };
  const keys = Object.keys(expected.sessions);
  for (const [key, bytes] of Object.entries(expected.sessions)) {
    await look(`load ${key}`, async () => {
      const record = await store.load(key);
      return record !== undefined && Buffer.from(encodeRecord(record)).toString("base64") === bytes;
    });
    store.version?.(key);
  }
  await look("list", async () => {
    const listed = [];
    for await (const key of store.keys()) listed.push(key);
    // A key that is damaged is listed as what it has become; the session says so when it is loaded.
    return listed.length === keys.length;
  });
  await look("revocations", async () => {
    const revocations = await store.revocations();
    return Object.entries(expected.revocations).every(([subject, atMs]) => revocations.get(subject) === atMs);
  });
  const claims = expected.claims.map((claim) => look(`claim ${claim}`, async () => !(await store.claim(keys[0] ?? "", claim, 1, 2 ** 40))));
  await Promise.all(claims);
  // Writing goes where reading did not: lists of free pages, splits and merges of pages.
  const appended = Array.from({ length: 40 }, (_, number) => {
    const key = keyOfNumber(10_000 + number);
    return look(`append ${number}`, async () => {
      const record = recordOf(key, (number * 397) % 5_000);
      await store.append(key, record, 2 ** 41);
      const loaded = await store.load(key);
      return loaded !== undefined && Buffer.from(encodeRecord(loaded)).equals(Buffer.from(encodeRecord(record)));
    });
  });
  await Promise.all(appended);
  await look("discard", async () => (await store.discardExpired(2 ** 40, 1_000)) >= 0);
  await look("empty", async () => (await store.discardExpired(2 ** 42, 1_000)) >= 0);
  await store.close();
  // What it made of it is whole again, or was refused.
  await look("reopen", async () => {
    await openStore(join(root, name)).close();
    return true;
  });
  return { name, found, wrong };
}

function codeOf(error: unknown): string {
  return error instanceof SessionError ? error.code : `an error without a code: ${String(error)}`;
}
