import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const NEEDED = ["yjs", "lib0", "fractional-indexing", "cookie", "cookie-signature", "ws", "express"];
const run = promisify(execFile);

let folder = "";

beforeEach(() => {
  if (!existsSync(join(ROOT, "dist/index.js"))) throw new Error("The package is not built: npm run build, or npm test, which does so.");
  folder = mkdtempSync(join(tmpdir(), "converge-session-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** An application that counts visits, and says whether it can resolve OpenTelemetry, and whether this package traces. */
const APPLICATION = `
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import express from "express";
import { createEngine } from "converge-session";
import { session } from "converge-session/express";

const require = createRequire(import.meta.url);
let isInstalled = true;
try {
  require.resolve("@opentelemetry/api");
} catch {
  isInstalled = false;
}
const engine = createEngine();
const app = express();
app.use(session({ secret: "a secret of this test, with its thirty-two bytes", engine, onNotice: () => {} }));
app.get("/", (req, res) => {
  req.session.visits = (req.session.visits ?? 0) + 1;
  res.json(req.session.visits);
});
const server = app.listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const url = "http://127.0.0.1:" + server.address().port;
const first = await fetch(url);
const cookie = first.headers.getSetCookie()[0].split(";")[0];
const visits = await (await fetch(url, { headers: { cookie } })).json();
server.close();
server.closeAllConnections();
await engine.close();
const { applicationSpans } = await import(pathToFileURL(require.resolve("converge-session/package.json")).href.replace("package.json", "dist/runtime/telemetry.js"));
console.log(JSON.stringify({ isInstalled, traces: applicationSpans() !== undefined, visits }));
`;

/** Copies the built package to `at`, with what it needs, and nothing else, in the `node_modules` around it. */
function installPackage(at: string, modules: string): void {
  mkdirSync(at, { recursive: true });
  cpSync(join(ROOT, "dist"), join(at, "dist"), { recursive: true, filter: (path) => !path.includes("dist/readme-") });
  cpSync(join(ROOT, "package.json"), join(at, "package.json"));
  for (const name of NEEDED) link(join(ROOT, "node_modules", name), join(modules, name));
}

function link(target: string, at: string): void {
  mkdirSync(dirname(at), { recursive: true });
  symlinkSync(target, at);
}

async function runApplication(): Promise<unknown> {
  const main = join(folder, "app/main.mjs");
  writeFileSync(main, APPLICATION);
  const { stdout } = await run(process.execPath, [main], { timeout: 20_000 });
  return JSON.parse(stdout);
}

test("[O4] where @opentelemetry/api is not installed the package works, and does not trace", async () => {
  const modules = join(folder, "app/node_modules");
  installPackage(join(modules, "converge-session"), modules);
  expect(await runApplication()).toEqual({ isInstalled: false, traces: false, visits: 2 });
});

test("[O3] it is found beside the package", async () => {
  const modules = join(folder, "app/node_modules");
  installPackage(join(modules, "converge-session"), modules);
  link(join(ROOT, "node_modules/@opentelemetry/api"), join(modules, "@opentelemetry/api"));
  expect(await runApplication()).toEqual({ isInstalled: true, traces: true, visits: 2 });
});

test("[O3] it is found where the application is, when the package is a link to somewhere else", async () => {
  const elsewhere = join(folder, "elsewhere");
  installPackage(join(elsewhere, "converge-session"), join(elsewhere, "node_modules"));
  const modules = join(folder, "app/node_modules");
  link(join(elsewhere, "converge-session"), join(modules, "converge-session"));
  link(join(ROOT, "node_modules/express"), join(modules, "express"));
  link(join(ROOT, "node_modules/@opentelemetry/api"), join(modules, "@opentelemetry/api"));
  expect(await runApplication()).toEqual({ isInstalled: true, traces: true, visits: 2 });
});
