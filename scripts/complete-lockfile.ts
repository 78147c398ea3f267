/**
 * Adds to package-lock.json the builds for other platforms that a partial registry mirror did not show to `npm install`.
 * npm leaves an optional dependency out of the lock when it cannot be looked up, and `npm ci` then calls the lock out of sync.
 * `npm run complete-lockfile` after `npm install` on a machine with such a mirror; it changes nothing when nothing is missing.
 */
import { readFileSync, writeFileSync } from "node:fs";

/** The fields of a lock entry that are read or written here; the others pass through. */
interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly cpu?: readonly string[];
  readonly os?: readonly string[];
  readonly libc?: readonly string[];
}

interface Lock {
  packages: Record<string, LockEntry>;
}

const PLATFORM = /(android|darwin|freebsd|linux|openharmony|win32)-(arm64|arm|x64|ia32|ppc64|riscv64|s390x|loong64)(?:-(\w+))?$/;

const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lock;
const missing = missingEntries(lock.packages);
if (missing.length > 0) {
  const entries = [...Object.entries(lock.packages), ...missing];
  lock.packages = Object.fromEntries(entries.toSorted(([left], [right]) => (left < right ? -1 : 1)));
  writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
}
process.stdout.write(`${missing.length} entries added\n`);

function missingEntries(packages: Readonly<Record<string, LockEntry>>): [place: string, entry: LockEntry][] {
  const found = new Map<string, LockEntry>();
  for (const parent of Object.values(packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const place = `node_modules/${name}`;
      const [, os, cpu, abi = ""] = PLATFORM.exec(name) ?? [];
      if (packages[place] !== undefined || os === undefined || cpu === undefined) continue;
      found.set(place, {
        version,
        cpu: [cpu],
        ...(parent.dev === true ? { dev: true } : {}),
        ...libcOf(os, abi),
        optional: true,
        os: [os],
      });
    }
  }
  return [...found];
}

function libcOf(os: string, abi: string): Pick<LockEntry, "libc"> {
  if (os !== "linux") return {};
  if (abi.startsWith("gnu")) return { libc: ["glibc"] };
  return abi.startsWith("musl") ? { libc: ["musl"] } : {};
}
