#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { SessionError } from "../engine/index.ts";
import { PROTOCOL_VERSION } from "../sync/index.ts";
import { commandLine, type RelayCommand } from "./cli-options.ts";
import { jsonLog, type RelayLog } from "./log.ts";
import { type Relay, startRelay } from "./relay.ts";
import { DISK } from "./secret.ts";

const VERSION = versionOf(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** Starts, says what it is and where, and stays until it is told to stop. */
async function run(command: RelayCommand): Promise<void> {
  const { options, logLevel, warnings } = command;
  const log = jsonLog(logLevel);
  for (const warning of warnings) log(warning, "warn");
  const relay = await startRelay({ ...options, log });
  stopOnSignal(relay, command.drainMs, log);
  process.on("SIGHUP", () => reload(relay, command, log));
  const facts = {
    domain: relay.domain,
    protocol: PROTOCOL_VERSION,
    version: VERSION,
    peers: options.peers?.length === 0 ? "none" : options.peers?.join(","),
    data: options.data ?? "memory",
    admin: relay.adminUrl,
    pid: process.pid,
  };
  const listed = Object.entries(facts).map(([name, value]) => `${name}=${value}`);
  process.stdout.write(`converge-session relay listening on ${relay.address} ${listed.join(" ")}\n`);
  // Without what it holds it is of no use, and whoever started it must know.
  await relay.restored.catch(async (error: unknown) => {
    await relay.close();
    throw error;
  });
}

/** The first signal lets peers take what is queued for them; whoever is in a hurry sends another. */
function stopOnSignal(relay: Relay, drainMs: number, log: RelayLog): void {
  let isStopping = false;
  const stop = (signal: "SIGTERM" | "SIGINT"): void => {
    if (isStopping) process.exit(128 + constants.signals[signal]);
    isStopping = true;
    log(`${signal}: draining`);
    const drained = async (): Promise<void> => {
      if (!(await relay.drain(drainMs)))
        log(`peers did not take everything within ${drainMs} ms; they exchange it with each other`, "warn");
      await relay.close();
      log("stopped");
    };
    drained().then(
      () => process.exit(0),
      (error: unknown) => {
        log(`it could not stop cleanly: ${messageOf(error)}`, "error");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
}

function reload(relay: Relay, { readTls }: RelayCommand, log: RelayLog): void {
  if (readTls === undefined) return log("SIGHUP: there is no certificate to read again");
  try {
    relay.setTls(readTls());
    log("SIGHUP: certificates read again; who connects from now on gets the new one");
  } catch (error) {
    log(`SIGHUP: the new certificate is not used, the one before goes on: ${messageOf(error)}`, "error");
  }
}

function versionOf(packageJson: string): string {
  const { version } = JSON.parse(packageJson) as { readonly version: string };
  return version;
}

/** The options, a port or a file: what to do is in the message, a stack would only hide it. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  await commandLine({ variables: process.env, files: DISK, version: VERSION }, run).parseAsync();
} catch (error) {
  const cause = error instanceof SessionError && error.cause instanceof Error ? ` (${error.cause.message})` : "";
  process.stderr.write(`error: ${messageOf(error)}${cause}\n`);
  process.exitCode = 1;
}
