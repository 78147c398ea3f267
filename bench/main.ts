import { benchAdapters } from "./adapters.ts";
import { benchCluster } from "./cluster.ts";
import { benchEngine } from "./engine.ts";
import { benchExpress } from "./express.ts";
import { benchGrowth } from "./growth.ts";
import { benchLmdb } from "./lmdb.ts";

import { benchLarge } from "./large.ts";
import { benchMemory } from "./memory.ts";
import { benchMillion } from "./million.ts";
import { benchSync } from "./sync.ts";
import { benchRelay } from "./relay.ts";

const benches: Readonly<Record<string, () => Promise<object> | object>> = {
  adapters: benchAdapters,
  cluster: benchCluster,
  engine: benchEngine,
  express: benchExpress,
  growth: benchGrowth,
  lmdb: benchLmdb,
  large: benchLarge,
  memory: benchMemory,
  million: benchMillion,
  sync: benchSync,
  relay: benchRelay,
};

const name = process.argv[2] ?? "";
const bench = benches[name];
if (bench === undefined) {
  console.error(`Name a benchmark: npm run bench -- ${Object.keys(benches).join(" | ")}`);
  process.exit(2);
}
// The last line is for programs; progress and spread went to the error stream.
console.log(JSON.stringify({ bench: name, ...(await bench()) }));
