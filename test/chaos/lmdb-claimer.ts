/* Claims 100 names of one session, once told to by a file: `lmdb-claimer.ts <folder> <file>`. Prints `got <name>` for each that it got. */
import { existsSync } from "node:fs";
import { keyOfNumber, openStore } from "../support/lmdb-folder.ts";
import { print } from "../support/print.ts";

const [folder = "", start = ""] = process.argv.slice(2);
const store = openStore(folder);
print("ready");
while (!existsSync(start)) await new Promise((resolve) => setImmediate(resolve));
const claims = Array.from({ length: 100 }, async (_, name) => {
  if (await store.claim(keyOfNumber(0), String(name), 1, 2 ** 40)) print(`got ${name}`);
});
await Promise.all(claims);
await store.close();
print("done");
