import { commandOf, HELP, type DemoCommand } from "./options.ts";
import { runRaces } from "./race/run.ts";

async function run(command: DemoCommand): Promise<void> {
  if (command.kind === "help") return console.log(HELP);
  if (command.kind === "race") {
    const isEverythingKept = await runRaces(command.framework, (line) => console.log(line));
    if (!isEverythingKept) process.exitCode = 1;
    return;
  }
}
await run(commandOf(process.argv.slice(2)));
