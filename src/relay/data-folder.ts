import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type LastingStore, type MergeContext, SessionError } from "../engine/index.ts";
import type { KeptIncarnation } from "../sync/index.ts";
import type { RelayLog } from "./log.ts";

/** Beside LMDB's own files, so that a folder is moved away, or copied, with what it says of itself. */
const IDENTITY_FILE = "relay.json";
const DATA_FILE = "data.mdb";
const FORMAT = 1;
const INCARNATION_BYTES = 16;

/** A relay's sessions on disk, and who it is as long as they are there. */
export interface DataFolder {
  /** For `createEngine`. */
  readonly makeStore: (context: MergeContext) => LastingStore;
  /** What that made. */
  store(): LastingStore | undefined;
  readonly incarnation: KeptIncarnation;
}

/**
 * The folder at `path`, made by the store when it is missing.
 * @throws SessionError OPTION_INVALID when the package lmdb is not installed, or an option cannot be used.
 */
export async function openDataFolder(path: string, mapSizeMax: number | undefined, nowMs: number, log: RelayLog): Promise<DataFolder> {
  const { lmdbStore } = await lmdb();
  const makeLmdbStore = lmdbStore({ path, ...(mapSizeMax === undefined ? {} : { mapSizeMax }) });
  // A name without sessions says nothing: it is a new relay then.
  const before = existsSync(join(path, DATA_FILE)) ? readIdentity(path, log) : undefined;
  const id = before?.id ?? randomBytes(INCARNATION_BYTES);
  const begunAtMs = before?.begunAtMs ?? nowMs;
  let store: LastingStore | undefined;
  return {
    makeStore: (context) => (store = makeLmdbStore(context)),
    store: () => store,
    incarnation: {
      id,
      begunAtMs,
      completeSinceMs: before?.completeSinceMs,
      keep: (completeSinceMs) => {
        try {
          writeIdentity(path, { id, begunAtMs, completeSinceMs });
        } catch (error) {
          const why = error instanceof Error ? error.message : "unknown failure";
          log(`since when the data folder is complete could not be written, and what was there may be wrong: ${why}`, "error");
        }
      },
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

interface Identity {
  readonly id: Uint8Array;
  readonly begunAtMs: number;
  readonly completeSinceMs: number;
}

/** Undefined when there is none, or none that can be read: it then counts as lost, which is the safe side. */
function readIdentity(folder: string, log: RelayLog): Identity | undefined {
  const path = join(folder, IDENTITY_FILE);
  if (!existsSync(path)) return undefined;
  try {
    const { format, incarnation, begunAtMs, completeSinceMs } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    if (format === FORMAT && isIncarnation(incarnation) && isInstant(begunAtMs) && isInstant(completeSinceMs))
      return { id: Buffer.from(incarnation, "hex"), begunAtMs, completeSinceMs };
  } catch {
    // As below.
  }
  log(`${path} cannot be read: to its peers this relay is a new one with old sessions`, "warn");
  return undefined;
}

function isIncarnation(value: unknown): value is string {
  return typeof value === "string" && value.length === 2 * INCARNATION_BYTES && /^[0-9a-f]+$/.test(value);
}

function isInstant(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Whole or not at all, also when the power goes. */
function writeIdentity(folder: string, { id, begunAtMs, completeSinceMs }: Identity): void {
  const path = join(folder, IDENTITY_FILE);
  const incarnation = Buffer.from(id).toString("hex");
  // Later rather than earlier: it may claim less than it knows.
  const content = { format: FORMAT, incarnation, begunAtMs: Math.ceil(begunAtMs), completeSinceMs: Math.ceil(completeSinceMs) };
  writeFileSync(`${path}.new`, `${JSON.stringify(content)}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  const directory = openSync(folder, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
