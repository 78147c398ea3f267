import { runDrill } from "./drill/run.ts";
import { commandOf, type DemoCommand, HELP } from "./options.ts";
import { runRaces } from "./race/run.ts";
import { serveDemo } from "./serve.ts";

const print = (line: string): void => console.log(line);

try {
  await run(commandOf(process.argv.slice(2)));
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function run(command: DemoCommand): Promise<void> {
  if (command.kind === "help") return print(HELP);
  if (command.kind === "race") {
    if (!(await runRaces(command.framework, print))) process.exitCode = 1;
    return;
  }
  if (command.kind === "drill") {
    if (!(await runDrill(command.kills, print))) process.exitCode = 1;
    return;
  }
  const told = stopSignal();
  const starting = serveDemo(command.port, print);
  // Told to stop before it is up: whoever is started ends with this process.
  starting.catch(() => undefined);
  const demo = await Promise.race([starting, told.then(() => undefined)]);
  if (demo === undefined) return process.exit();
  print(`\nOpen ${demo.url} in a browser, best in two tabs. Ctrl-C stops everything.\n`);
  await told;
  print("Stopping …");
  await demo.stop();
}

/** The first one stops in order; a second one ends this process as it always would. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
}
