import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { afterEach, describe, expect, test } from "vitest";
import { createEngine } from "../../src/runtime/index.ts";
import { lmdbStore } from "../../src/storage/lmdb/index.ts";
import { keyOfNumber, openStore, recordOf, temporaryFolder } from "../support/lmdb-folder.ts";
import { memoryMount, requireMounts } from "../support/mounts.ts";

const NEVER_MS = 2 ** 40;
const MODE = 0o777;
const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function folder(): string {
  const made = temporaryFolder();
  cleanUps.push(() => made.remove());
  return made.path;
}

/** What this process holds open below the folder. */
function handlesIn(path: string): string[] {
  const maps = readFileSync("/proc/self/maps", "utf8").split("\n");
  return [
    ...spawnSync("ls", ["-l", `/proc/${process.pid}/fd`])
      .stdout.toString()
      .split("\n"),
    ...maps,
  ].filter((line) => line.includes(path));
}

describe("the folder of an LMDB store", () => {
  test("[ST14] is made when it is missing, with its parents, for its owner alone", async () => {
    const path = join(folder(), "var", "sessions");
    const before = process.umask(0);
    const store = openStore(path);
    process.umask(before);
    await store.close();
    expect(statSync(path).mode & MODE).toBe(0o700);
    expect(readdirSync(path).toSorted()).toEqual(["data.mdb", "lock.mdb"]);
    expect(readdirSync(path).map((name) => statSync(join(path, name)).mode & MODE)).toEqual([0o600, 0o600]);
  });

  test("[ST14] leaves what a process that died on the way left, unless it is old", async () => {
    const path = folder();
    for (const name of ["new-fresh", "new-old"]) mkdirSync(join(path, name));
    utimesSync(join(path, "new-old"), 1, 1);
    await openStore(path).close();
    expect([existsSync(join(path, "new-fresh")), existsSync(join(path, "new-old"))]).toEqual([true, false]);
  });

  test("[ST14] that may not be written is STORE_UNAVAILABLE, with the way out", (context) => {
    requireMounts(context);
    const path = folder();
    chmodSync(path, 0o755);
    // Root may write anywhere, so somebody else has to try.
    const script = `
      import { lmdbStore } from "./src/storage/lmdb/index.ts";
      process.setuid(65534);
      try { lmdbStore({ path: ${JSON.stringify(path)} })({}); } catch (error) { console.log(error.code, error.message); }
      try { lmdbStore({ path: ${JSON.stringify(join(path, "a", "b"))} })({}); } catch (error) { console.log(error.code, error.message); }`;
    const child = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], { encoding: "utf8" });
    const lines = child.stdout.trim().split("\n");
    expect({ stderr: child.stderr, lineCount: lines.length }).toEqual({ stderr: "", lineCount: 2 });
    for (const line of lines) expect(line).toMatch(new RegExp(`^STORE_UNAVAILABLE .*${path}.*give this process's user the folder`));
    const disk = memoryMount(join(path, "disk"), "1m");
    cleanUps.push(() => disk.unmount());
    spawnSync("mount", ["-o", "remount,ro", disk.path]);
    expect(() => openStore(disk.path)).toThrow(expect.objectContaining({ code: "STORE_UNAVAILABLE" }));
    expect(() => openStore(join(disk.path, "below"))).toThrow(expect.objectContaining({ code: "STORE_UNAVAILABLE" }));
  });

  test("[ST14] on a disk without room for an empty store is STORE_FULL", (context) => {
    requireMounts(context);
    const disk = memoryMount(join(folder(), "disk"), "4k");
    cleanUps.push(() => disk.unmount());
    expect(() => openStore(join(disk.path, "store"))).toThrow(expect.objectContaining({ code: "STORE_FULL" }));
    expect(existsSync(join(disk.path, "store", "data.mdb"))).toBe(false);
  });

  test("[ST6] is let go by close: no handle, no mapping, and the next store opens it anew", async (context) => {
    if (process.platform !== "linux") context.skip("it looks into /proc");
    const path = folder();
    const store = openStore(path);
    await store.append(keyOfNumber(1), recordOf(keyOfNumber(1)), NEVER_MS);
    expect(handlesIn(path).length).toBeGreaterThan(1);
    await store.close();
    expect(handlesIn(path)).toEqual([]);
    const next = openStore(path);
    expect(await next.load(keyOfNumber(1))).toBeDefined();
    await next.close();
    expect(handlesIn(path)).toEqual([]);
  });

  test("[ST14] opened twice by one process is one, and stays until the last is closed", async () => {
    const path = folder();
    const one = openStore(path);
    const appended = one.append(keyOfNumber(1), recordOf(keyOfNumber(1)), NEVER_MS);
    // While the first one writes: neither waits for the other.
    const other = openStore(join(path, "..", path.slice(path.lastIndexOf("/") + 1)));
    await appended;
    expect(await other.load(keyOfNumber(1))).toBeDefined();
    await one.close();
    await other.append(keyOfNumber(2), recordOf(keyOfNumber(2)), NEVER_MS);
    await expect(one.load(keyOfNumber(2))).rejects.toMatchObject({ code: "STORE_CLOSED" });
    expect(await other.load(keyOfNumber(2))).toBeDefined();
    await other.close();
  });

  test.each([{ path: "" }, { path: "x", mapSizeMax: 0 }, { path: "x", mapSizeMax: 1.5e9 + 0.5 }, { path: "x", mapSizeMax: Number.NaN }])(
    "[ST14] options that cannot be used are refused before anything is opened: %j",
    (options) => {
      expect(() => lmdbStore(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
    },
  );

  test("[ST2] [ST14] an engine finds its sessions again, and tells at once when it cannot", async () => {
    const path = folder();
    const engine = createEngine({ store: lmdbStore({ path }), persist: "before" });
    const id = engine.issueId();
    const draft = engine.draft();
    draft.set("user", { name: "Ann" });
    draft.identify(id);
    draft.commit();
    await draft.persisted();
    await engine.close();
    const next = createEngine({ store: lmdbStore({ path }) });
    cleanUps.push(() => next.close());
    const found = await next.checkOut(next.keyOf(id));
    expect(found).toMatchObject({ kind: "alive" });
    expect(found.kind === "alive" && found.session.get("user")).toEqual({ name: "Ann" });
    expect(() => createEngine({ store: lmdbStore({ path: join(path, "data.mdb") }) })).toThrow(
      expect.objectContaining({ code: "STORE_CORRUPT" }),
    );
  });
});
