import { readFileSync } from "node:fs";

/** `sysconf(_SC_CLK_TCK)` of Linux: the unit of /proc/<pid>/stat. */
const TICK_US = 10_000;

/** User and system time of a process so far, in microseconds: fields 14 and 15 of /proc/<pid>/stat. In steps of 10 ms. */
export function processCpuUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}
