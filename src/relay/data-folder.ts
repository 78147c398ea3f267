import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type MergeContext, SessionError, type SessionStore } from "../engine/index.ts";
import type { RelayIdentity } from "../sync/index.ts";
import type { RelayLog } from "./log.ts";

/** Beside LMDB's own files, so that a folder is moved away, or copied, with what it says of itself. */
const IDENTITY_FILE = "relay.json";
const DATA_FILE = "data.mdb";
const FORMAT = 1;
const INCARNATION_BYTES = 16;

/** A relay's sessions on disk, and who it is as long as they are there. */
export interface DataFolder {
  /** For `createEngine`. */
  readonly makeStore: (context: MergeContext) => SessionStore;
  /** What that made. */
  store(): SessionStore | undefined;
  /** To be called when the store is open: before, nobody knows whether the folder can be used. */
  identity(): RelayIdentity;
}

/** A relay that keeps nothing: another one with each start. */
export function newIdentity(nowMs: number): RelayIdentity {
  return { incarnation: randomBytes(INCARNATION_BYTES), completeSinceMs: nowMs, isReturning: false, keep: () => undefined };
}

/**
 * The folder at `path`, made by the store when it is missing.
 * @throws SessionError OPTION_INVALID when the package lmdb is not installed, or an option cannot be used.
 */
export async function openDataFolder(
  path: string,
  mapSizeMax: number | undefined,
  nowMs: () => number,
  log: RelayLog,
): Promise<DataFolder> {
  const { lmdbStore } = await lmdb();
  const makeLmdbStore = lmdbStore({ path, ...(mapSizeMax === undefined ? {} : { mapSizeMax }) });
  // A name without sessions says nothing: the next start is a new relay then.
  const before = existsSync(join(path, DATA_FILE)) ? readIdentity(path, log) : undefined;
  let store: SessionStore | undefined;
  return {
    makeStore: (context) => (store = makeLmdbStore(context)),
    store: () => store,
    identity: () => {
      const kept = before ?? { incarnation: randomBytes(INCARNATION_BYTES), completeSinceMs: nowMs() };
      if (before === undefined) writeIdentity(path, kept);
      return {
        ...kept,
        isReturning: before !== undefined,
        keep: (completeSinceMs) => {
          try {
            writeIdentity(path, { ...kept, completeSinceMs });
          } catch (error) {
            log(
              `since when the data folder is complete could not be written: ${error instanceof Error ? error.message : "unknown failure"}`,
              "error",
            );
          }
        },
      };
    },
  };
}

async function lmdb(): Promise<typeof import("../storage/lmdb/index.ts")> {
  try {
    return await import("../storage/lmdb/index.ts");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    throw new SessionError("OPTION_INVALID", "keeping sessions on disk needs the package lmdb: npm install lmdb", { cause: error });
  }
}

type Kept = Pick<RelayIdentity, "incarnation" | "completeSinceMs">;

/** Undefined when there is none, or none that can be read: it then counts as lost, which is the safe side. */
function readIdentity(folder: string, log: RelayLog): Kept | undefined {
  const path = join(folder, IDENTITY_FILE);
  if (!existsSync(path)) return undefined;
  try {
    const { format, incarnation, completeSinceMs } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    if (
      format === FORMAT &&
      typeof incarnation === "string" &&
      /^[0-9a-f]{32}$/.test(incarnation) &&
      Number.isSafeInteger(completeSinceMs) &&
      Number(completeSinceMs) >= 0
    )
      return { incarnation: Buffer.from(incarnation, "hex"), completeSinceMs: Number(completeSinceMs) };
  } catch {
    // As below.
  }
  log(`${path} cannot be read: this relay counts as new, and serves what is in its folder when its peers agree`, "warn");
  return undefined;
}

/** Whole or not at all, also when the power goes. */
function writeIdentity(folder: string, { incarnation, completeSinceMs }: Kept): void {
  const path = join(folder, IDENTITY_FILE);
  const content = { format: FORMAT, incarnation: Buffer.from(incarnation).toString("hex"), completeSinceMs: Math.ceil(completeSinceMs) };
  writeFileSync(`${path}.new`, `${JSON.stringify(content)}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  const directory = openSync(folder, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
