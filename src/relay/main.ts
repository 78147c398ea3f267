#!/usr/bin/env node
import { SessionError } from "../engine/index.ts";
import { PROTOCOL_VERSION } from "../sync/index.ts";
import { commandLine, PROCESS_ENVIRONMENT } from "./cli-options.ts";
import { startRelay, type RelayOptions } from "./relay.ts";

/** Starts, says where, and stays until it is told to stop. */
async function run(options: RelayOptions): Promise<void> {
  const relay = await startRelay({ ...options, log: (line) => process.stderr.write(`${new Date().toISOString()} ${line}\n`) });
  const stop = (): void => {
    // Whatever is slow to close must not keep a stopped relay in the way of its successor.
    relay.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.stdout.write(`converge-session relay listening on ${relay.address} domain=${relay.domain} protocol=${PROTOCOL_VERSION}\n`);
}

try {
  await commandLine(PROCESS_ENVIRONMENT, run).parseAsync();
} catch (error) {
  // The options, the port or the secret's file: what to do is in the message, a stack would only hide it.
  process.stderr.write(`error: ${error instanceof SessionError || isSystemError(error) ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error;
}
