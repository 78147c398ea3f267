import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** Ends a program with whoever started it, however that ends: nothing outlives a run that was killed. */
export const ENDS_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"] as const;

/** A port of this machine that nobody listens on now. Programs that are started anew keep theirs. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A program of the system. @throws with what it said */
export function sh(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** A wall clock that a test sets, by Debian's libfaketime; monotonic time goes on evenly. */
export class FakeClock {
  readonly #file: string;

  /** `file` says how far the clock is off; it is read anew at each look at the clock. */
  constructor(file: string) {
    this.#file = file;
    this.set(0);
  }

  set(offsetSeconds: number): void {
    writeFileSync(this.#file, `${offsetSeconds < 0 ? "" : "+"}${offsetSeconds}s\n`);
  }

  get environment(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: fakeTimeLibrary(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }
}

/** Of this machine's architecture. */
function fakeTimeLibrary(): string {
  const root = "/usr/lib";
  const path = readdirSync(root)
    .map((folder) => join(root, folder, "faketime", "libfaketime.so.1"))
    .find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error("libfaketime is missing (apt-get install libfaketime)");
  return path;
}
