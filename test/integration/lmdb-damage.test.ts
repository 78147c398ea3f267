import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encodeRecord } from "../../src/engine/index.ts";
import { encodeFrame } from "../../src/storage/lmdb/layout.ts";
import type { Expected, Outcome } from "../chaos/lmdb-damaged.ts";
import { keyOfNumber, openStore, recordOf, temporaryFolder } from "../support/lmdb-folder.ts";
import { seededRandom } from "../support/manual-runtime.ts";
import { print } from "../support/print.ts";
import { startProcess, type TestProcess } from "../support/process.ts";

/** `LMDB_FLIPS=200` flips so many bits of each page, one at a time; `LMDB_SEED` others. */
const FLIPS_A_PAGE = Number(process.env["LMDB_FLIPS"] ?? 6);
const SEED = Number(process.env["LMDB_SEED"] ?? 1);
const PAGE_BYTES = 4096;
/** The page's header and the positions of its first nodes: where a wrong bit does most. */
const DELICATE_BYTES = 64;

let folder: ReturnType<typeof temporaryFolder>;
let copies: string;
let whole: Buffer;
const programs: TestProcess[] = [];

beforeEach(async () => {
  folder = temporaryFolder(true);
  copies = join(folder.path, "copies");
  mkdirSync(copies);
  whole = await makeStore(join(folder.path, "whole"));
});

afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  folder.remove();
});

/** A store of some sixty sessions, small and of several pages, that was changed often enough to have free pages. */
async function makeStore(path: string): Promise<Buffer> {
  const store = openStore(path);
  for (let number = 0; number < 40; number++)
    await store.append(keyOfNumber(1_000 + number), recordOf(keyOfNumber(1_000 + number), 300), 10);
  const sessions: Record<string, string> = {};
  for (let number = 0; number < 60; number++) {
    const key = keyOfNumber(number);
    const { envelope, document } = recordOf(key, number % 10 === 0 ? 9_000 : number * 11);
    const record = { envelope: { ...envelope, subject: keyOfNumber(number % 3), subjectAtMs: 1 }, document };
    await store.append(key, record, 2 ** 41);
    sessions[key] = Buffer.from(encodeRecord(record)).toString("base64");
  }
  const revocations = Object.fromEntries([1, 2, 3].map((number) => [keyOfNumber(number), number * 100]));
  for (const [subject, atMs] of Object.entries(revocations)) await store.revoke(subject, atMs, 2 ** 41);
  const claims = ["one", "two", "three"];
  for (const claim of claims) await store.claim(keyOfNumber(0), claim, 1, 2 ** 41);
  await store.discardExpired(10, 1_000);
  await store.append(keyOfNumber(5), recordOf(keyOfNumber(5), 10), 2 ** 41);
  const loaded = await store.load(keyOfNumber(5));
  if (loaded !== undefined) sessions[keyOfNumber(5)] = Buffer.from(encodeRecord(loaded)).toString("base64");
  await store.close();
  const expected: Expected = { sessions, revocations, claims };
  writeFileSync(join(copies, "expected.json"), JSON.stringify(expected));
  return readFileSync(join(path, "data.mdb"));
}

/** The file of a copy that is to be damaged. */
function copy(name: string): string {
  mkdirSync(join(copies, name), { mode: 0o700 });
  const path = join(copies, name, "data.mdb");
  copyFileSync(join(folder.path, "whole", "data.mdb"), path);
  return path;
}

/** Uses every copy, in a process of its own: it must live to tell. */
async function outcomes(): Promise<Map<string, Outcome>> {
  const program = startProcess("test/chaos/lmdb-damaged.ts", [copies]);
  programs.push(program);
  const ended = await program.ended(250_000);
  const last = program.lines.at(-1);
  if (last !== "done") throw new Error(`it ended with ${JSON.stringify(ended)} at: ${last}; stderr: ${program.errorOutput()}`);
  const told = program.lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Outcome);
  return new Map(told.map((outcome) => [outcome.name, outcome]));
}

function expectRefused(outcome: Outcome | undefined, message: RegExp): void {
  expect(outcome?.refused).toBe("STORE_CORRUPT");
  expect(outcome?.message).toMatch(message);
}

test("[ST12] a store that nothing happened to is as it was", async () => {
  copy("whole");
  expect((await outcomes()).get("whole")).toMatchObject({ found: { right: 60 + 1 + 1 + 3 + 40 + 3 }, wrong: [] });
});

test("[ST12] a truncated file is refused, at whatever length, with its name and the way out", async () => {
  const lengths = [0, 1, 100, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 100, 2 * PAGE_BYTES, 3 * PAGE_BYTES, whole.length - 1];
  const random = seededRandom(SEED);
  while (lengths.length < 40) lengths.push(Math.floor(random() * whole.length));
  for (const [index, length] of lengths.entries()) truncateSync(copy(`${index}-${length}`), length);
  for (const [name, outcome] of await outcomes()) {
    const path = join(copies, name, "data.mdb");
    // The last pages may be free ones: then nothing is missing.
    if (outcome.refused === undefined) expect(outcome).toMatchObject({ wrong: [] });
    else expectRefused(outcome, new RegExp(`${path} .* put back a copy`));
    if (Number(name.split("-")[1]) <= 3 * PAGE_BYTES) expect(outcome).toMatchObject({ refused: "STORE_CORRUPT" });
  }
});

test(
  "[ST12] of a flipped bit, wherever it is, nothing is read wrongly, nothing is lost without a word, and the process lives",
  { timeout: 300_000 },
  async () => {
    const random = seededRandom(SEED);
    const pageCount = Math.floor(whole.length / PAGE_BYTES);
    for (let page = 0; page < pageCount; page++) {
      for (let flip = 0; flip < FLIPS_A_PAGE; flip++) {
        const at = page * PAGE_BYTES + Math.floor(random() * (flip % 2 === 0 ? DELICATE_BYTES : PAGE_BYTES));
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
        writeFileSync(copy(`flip-${page}-${at % PAGE_BYTES}-${flip}`), bytes);
      }
    }
    const told = [...(await outcomes()).values()];
    const refused = told.filter((outcome) => outcome.refused !== undefined);
    const partly = told.filter((outcome) => (outcome.found?.["STORE_CORRUPT"] ?? 0) > 0);
    expect(new Set(refused.map((outcome) => outcome.refused))).toEqual(new Set(["STORE_CORRUPT"]));
    expect(told.filter(({ wrong = [] }) => wrong.length > 0)).toEqual([]);
    print(
      `${told.length} flipped bits: ${refused.length} files refused, ${partly.length} with damaged entries, the rest in what nobody uses`,
    );
    expect(refused.length).toBeGreaterThan(told.length / 20);
    expect(partly.length).toBeGreaterThan(told.length / 20);
  },
);

test("[ST12] what another program wrote is refused, and is as it was", async () => {
  const text = copy("text");
  writeFileSync(text, "these are the notes of somebody\n".repeat(1_000));
  const zeros = copy("zeros");
  writeFileSync(zeros, Buffer.alloc(100_000));
  const sqlite = copy("sqlite");
  writeFileSync(sqlite, Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.of(16, 0, 1, 1, 0, 64, 32, 32), Buffer.alloc(8_168)]));
  mkdirSync(join(copies, "folder", "data.mdb"), { recursive: true });
  writeFileSync(join(copies, "file"), "no folder");
  for (const [name, subdirectory] of [
    ["other", undefined],
    ["named", "users"],
  ] as const) {
    mkdirSync(join(copies, name));
    const other = open<string, string>({ path: join(copies, name), noSubdir: false, overlappingSync: false });
    await (subdirectory === undefined ? other : other.openDB<string, string>(subdirectory, {})).put("somebody's", "data");
    await other.close();
  }
  const before = [text, zeros, sqlite].map((path) => readFileSync(path));
  const told = await outcomes();
  expect([...told.keys()].toSorted()).toEqual(["file", "folder", "named", "other", "sqlite", "text", "zeros"]);
  for (const [name, outcome] of told) expectRefused(outcome, new RegExp(join(copies, name)));
  expect([text, zeros, sqlite].map((path) => readFileSync(path))).toEqual(before);
});

test("[ST12] what a newer version wrote is refused, and says what to update", async () => {
  const format = copy("format");
  const bytes = Buffer.from(whole);
  for (const page of [0, 1]) bytes.writeUInt32LE(3, page * PAGE_BYTES + 28);
  writeFileSync(format, bytes);
  copy("layout");
  const layout = open<Buffer, Buffer>({
    path: join(copies, "layout"),
    noSubdir: false,
    overlappingSync: false,
    encoding: "binary",
    keyEncoding: "binary",
  });
  const marker = Buffer.of(0);
  await layout.put(marker, encodeFrame(marker, 0, 0, Buffer.concat([Buffer.of(2), Buffer.from("converge-session store")])));
  await layout.close();
  const told = await outcomes();
  for (const name of ["format", "layout"]) expectRefused(told.get(name), /newer|data format 3.*Update this package/);
});

test("[ST12] whatever the lock file holds, once nobody has the store open", async () => {
  for (const [name, content] of [
    ["empty", Buffer.alloc(0)],
    ["short", Buffer.alloc(10, 1)],
    ["zeros", Buffer.alloc(8_272)],
    ["noise", Buffer.alloc(100_000, 0xa5)],
  ] as const) {
    copy(name);
    writeFileSync(join(copies, name, "lock.mdb"), content);
  }
  for (const outcome of (await outcomes()).values()) expect(outcome).toMatchObject({ found: { right: 108 }, wrong: [] });
});
