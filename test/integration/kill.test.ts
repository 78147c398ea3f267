import { afterEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startProcess, type TestProcess } from "../support/process.ts";

const SECRET = { CONVERGE_SESSION_SECRET: "a secret of this test, with its thirty-two bytes" };
const NODE = "examples/demo/race/node.ts";
const TRIALS = 20;
/** A node may be one exchange behind; nothing that takes longer is on its way. */
const ARRIVAL_MS = 2_000;

const processes: TestProcess[] = [];

afterEach(async () => {
  await Promise.all(processes.splice(0).map((program) => program.stop()));
});

/** What it listens on. */
async function start(file: string, args: readonly string[]): Promise<{ readonly program: TestProcess; readonly url: string }> {
  const program = startProcess(file, args, SECRET);
  processes.push(program);
  const [, url = ""] = await program.waitForLine(/listening on (\S+)/);
  return { program, url };
}

async function send(url: string, cookie?: string): Promise<Response> {
  return fetch(url, { headers: cookie === undefined ? {} : { cookie }, signal: AbortSignal.timeout(5_000) });
}

async function attributes(url: string, cookie: string): Promise<Record<string, unknown>> {
  const response = await send(`${url}/session`, cookie);
  return (await response.json()) as Record<string, unknown>;
}

test(
  `[SY9] a node is killed right after its response, ${TRIALS} times: the next request, on another node, sees every write`,
  { timeout: 180_000 },
  async () => {
    const { url: relay } = await start("src/relay/main.ts", ["relay", "--listen", "127.0.0.1:0"]);
    const survivor = await start(NODE, ["fastify", relay]);
    let next = start(NODE, ["express", relay]);
    let answered = 0;
    let seen = 0;
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const victim = await next;
      const login = await send(`${victim.url}/login?user=user${trial}`);
      const cookie = login.headers.getSetCookie()[0]?.split(";")[0] ?? "";
      // Every other time the survivor holds the session already and is told of the write; else it has to ask.
      if (trial % 2 === 0) await eventually(async () => expect(await attributes(survivor.url, cookie)).toHaveProperty("user"), ARRIVAL_MS);
      const response = await send(`${victim.url}/set?k=written&v=${trial}`, cookie);
      victim.program.signal("SIGKILL");
      if (response.ok) answered += 1;
      // The next one starts while this one is looked for.
      if (trial < TRIALS - 1) next = start(NODE, ["express", relay]);
      next.catch(() => undefined);
      await victim.program.ended();
      await eventually(
        async () => expect(await attributes(survivor.url, cookie)).toEqual({ user: `user${trial}`, written: String(trial) }),
        ARRIVAL_MS,
      );
      seen += 1;
    }
    expect({ answered, seen }).toEqual({ answered: TRIALS, seen: TRIALS });
  },
);
