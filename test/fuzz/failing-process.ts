/** For the test of `fuzz.ts`, in the place of `process.ts`: does not come back from the first input, dies of the third, and goes on behind it. */
import { JournalWriter } from "./journal.ts";
import type { Plan, Told } from "./process.ts";

const { journal, parts } = JSON.parse(process.argv[2] ?? "") as Plan;
const writer = new JournalWriter(journal);
const tell = (told: Told): void => void process.stdout.write(`${JSON.stringify(told)}\n`);
for (const { target, from, count } of parts) {
  tell({ kind: "begun", target });
  for (let index = from; index < from + count; index++) {
    writer.write(index, Uint8Array.of(index));
    if (index === 0) for (;;) writer.write(0, Uint8Array.of(0));
    if (index === 2) process.kill(process.pid, "SIGKILL");
    if (index === 2) await new Promise(() => setTimeout(() => undefined, 60_000));
    tell({ kind: "done", target, tally: { inputs: 1, accepted: 0, slowestMs: 0, cpuSeconds: 0, grownBytes: 0 } });
  }
}
writer.close();
