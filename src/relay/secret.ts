import { readFileSync, statSync } from "node:fs";
import { SettingError } from "./settings.ts";

/** Where the secret comes from when no file is named. Never a flag's value: those are in `ps` and in shell histories. */
export const SECRET_VARIABLE = "CONVERGE_SESSION_SECRET";
const SECRET_BYTES_MIN = 32;
const HOW_TO_MAKE_ONE = "openssl rand -base64 33 > secret && chmod 600 secret";

/** A file as far as starting a relay needs it. */
export interface FileReader {
  readonly read: (path: string) => string;
  /** Permission bits; undefined where the system has none. */
  readonly mode: (path: string) => number | undefined;
}

export const DISK: FileReader = {
  read: (path) => readFileSync(path, "utf8"),
  mode: (path) => (process.platform === "win32" ? undefined : statSync(path).mode & 0o777),
};

/**
 * The secret of the file, else of the environment. A line's end that an editor added is not part of it.
 * @throws SettingError without one of at least 32 bytes; the message says how to make one, never what was there.
 */
export function secretOf(file: string | undefined, variables: Readonly<Record<string, string | undefined>>, files: FileReader): string {
  const secret = file === undefined ? variables[SECRET_VARIABLE] : readSecret(file, files).replace(/\r?\n$/, "");
  if (secret === undefined || secret === "")
    throw new SettingError(`no secret: name a file with --secret-file, or set ${SECRET_VARIABLE}. To make one: ${HOW_TO_MAKE_ONE}`);
  if (Buffer.byteLength(secret) < SECRET_BYTES_MIN)
    throw new SettingError(`the secret must have at least ${SECRET_BYTES_MIN} bytes. To make one: ${HOW_TO_MAKE_ONE}`);
  return secret;
}

/** What is wrong with the permissions of a file that only the relay should read; undefined when nothing is. */
export function permissionWarning(path: string, files: FileReader): string | undefined {
  const mode = files.mode(path);
  if (mode === undefined || (mode & 0o004) === 0) return undefined;
  return `${path} can be read by every user of this machine: chmod 600 it`;
}

function readSecret(path: string, files: FileReader): string {
  try {
    return files.read(path);
  } catch (error) {
    throw new SettingError(`the secret cannot be read: ${error instanceof Error ? error.message : "unknown failure"}`, { cause: error });
  }
}
