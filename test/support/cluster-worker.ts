/*
 * `cluster-worker.ts <memory | relay | store>`: one worker of node:cluster that makes two engines, and prints the warnings that came of it.
 * The store is one that processes share, as far as anybody can tell.
 */
import cluster from "node:cluster";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../src/runtime/index.ts";
import { MemoryStore } from "../../src/storage/index.ts";
import { relays } from "../../src/sync/index.ts";
import { TEST_SECRET } from "./relay-holder.ts";

const kind = process.argv[2];

if (cluster.isPrimary && process.env["NODE_APP_INSTANCE"] === undefined) {
  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url), args: process.argv.slice(2), execArgv: ["--import", "tsx"] });
  cluster.fork().on("exit", (code) => process.exit(code));
} else {
  const codes: string[] = [];
  process.on("warning", (warning) => void ("code" in warning && codes.push(String(warning.code))));
  const options = {
    memory: {},
    relay: { sync: relays(["ws://127.0.0.1:9"], { alone: "serve", secret: TEST_SECRET }) },
    store: {
      store: (context: ConstructorParameters<typeof MemoryStore>[0]) => Object.assign(new MemoryStore(context), { version: () => 0 }),
    },
  }[kind ?? ""];
  const engines = [createEngine(options), createEngine(options)];
  await Promise.all(engines.map((engine) => engine.close()));
  // Warnings are told in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  process.stdout.write(`warnings ${JSON.stringify(codes.filter((code) => code === "per-worker-sessions"))}\n`);
  process.exit(0);
}
