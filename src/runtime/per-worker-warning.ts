import cluster from "node:cluster";

let isTold = false;

/**
 * Warns once in a process that is one of several and shares its sessions with none of them: whoever logs in at one is a stranger at the next.
 * Workers of node:cluster (PM2 in cluster mode has them, too), and processes of which PM2 runs several.
 */
export function warnPerWorker(environment: Readonly<Record<string, string | undefined>> = process.env): void {
  if (isTold || !(cluster.isWorker || isOneOfSeveral(environment))) return;
  isTold = true;
  process.emitWarning(
    "This process is one of several workers, and its sessions are its own: requests that reach another worker find none. Give createEngine a relay by the option sync, or a store on disk that the workers share.",
    { type: "SessionWarning", code: "per-worker-sessions" },
  );
}

/** PM2 numbers the processes of an application from 0, and says how many it was told to run. */
function isOneOfSeveral(environment: Readonly<Record<string, string | undefined>>): boolean {
  const number = environment["NODE_APP_INSTANCE"];
  return number !== undefined && (Number(number) > 0 || Number(environment["instances"]) > 1);
}
