/*
 * A process that appends until it is killed: `lmdb-writer.ts <folder> <run> [sessions] [bytes]`. Each run sets an attribute of its own,
 * `run<run>`, to 1, 2, 3 … in a few sessions that all runs share. Prints `acked <key> <n>` once an append has resolved, `failed <code>`
 * when one was refused.
 */
import { SessionError } from "../../src/engine/index.ts";
import { lmdbStore } from "../../src/storage/lmdb/index.ts";
import { TestWorld } from "../support/replica.ts";
import { keyOfNumber, recordFor } from "../support/lmdb-folder.ts";
import { print } from "../support/print.ts";

const [folder = "", run = "0", sessions = "3", bytes = "200"] = process.argv.slice(2);
// Every process start draws other writer ids.
const world = new TestWorld(Number(run) + 1);
const store = lmdbStore({ path: folder })(world.replica().context);
print("open");

async function write(session: number): Promise<never> {
  const replica = world.replica();
  const key = keyOfNumber(session);
  for (let count = 1; ; count++) {
    replica.edit((data) => {
      data[`run${run}`] = count;
      data[`padding${run}`] = "x".repeat(Number(bytes));
    }, count);
    try {
      await store.append(key, recordFor(key, replica.record()), 2 ** 40);
      print(`acked ${key} ${count}`);
    } catch (error) {
      print(`failed ${error instanceof SessionError ? error.code : String(error)}`);
    }
  }
}

await Promise.all(Array.from({ length: Number(sessions) }, (_, session) => write(session)));
