import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

const LISTENING = /app\.listen\((?:3000|\{ port: 3000 \})\)/;

/** The same, on a port that it prints. */
function onFreePort(listening: string): string {
  if (!listening.includes("{")) return 'const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port))';
  return 'app.listen({ port: 0, host: "127.0.0.1" }); console.log(app.server.address().port)';
}

/** The first example, as its reader would run it: against the built package, by the package's own name. */
test.each(["README.md", "docs/quick-start-express.md", "docs/quick-start-fastify.md"])(
  "the first example of %s counts visits",
  async (page) => {
    if (!existsSync(join(ROOT, "dist/index.js"))) throw new Error("The package is not built: npm run build, or npm test, which does so.");
    const [, example = ""] = /```js\n(import (?:express|Fastify)[^]*?)```/.exec(readFileSync(join(ROOT, page), "utf8")) ?? [];
    expect(example).toMatch(LISTENING);
    // Inside the package, so that its name resolves to it.
    const folder = mkdtempSync(join(ROOT, "dist/readme-"));
    cleanUps.push(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "example.mjs"), example.replace(LISTENING, onFreePort));

    const env = { ...process.env, SESSION_SECRET: "a secret for the README's example, 32 bytes", NODE_ENV: "development" };
    const child = spawn(process.execPath, [join(folder, "example.mjs")], { env, stdio: ["ignore", "pipe", "inherit"] });
    cleanUps.push(() => child.kill("SIGKILL"));
    const [line] = (await once(child.stdout, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
    const url = `http://127.0.0.1:${Number(line.toString())}/`;
    const first = await fetch(url);
    expect(await first.text()).toBe("visit 1");
    const cookie = first.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    expect(await (await fetch(url, { headers: { cookie } })).text()).toBe("visit 2");
  },
);
