import { afterEach, expect, test } from "vitest";
import { startProcess, type TestProcess } from "../support/process.ts";

const processes: TestProcess[] = [];

afterEach(async () => {
  await Promise.all(processes.splice(0).map((program) => program.stop()));
});

test.each(["express", "fastify", "koa"])("[X7] --race, two %s nodes: ours loses nothing where express-session does", async (framework) => {
  const program = startProcess("examples/demo/main.ts", ["--race", "--framework", framework]);
  processes.push(program);
  const { code } = await program.ended(90_000);
  expect(program.errorOutput()).toBe("");
  expect(program.lines.at(-1)).toBe(
    '{"ours":{"distinctKeysKept":20,"pushesKept":20,"counter":20,"readClobbers":0,"readResurrects":0,"writeResurrects":0,"staleRedirects":0},' +
      '"expressSession":{"distinctKeysKept":1,"pushesKept":1,"counter":1,"readClobbers":5,"readResurrects":5,"writeResurrects":5,"staleRedirects":10}}',
  );
  expect(code).toBe(0);
});
