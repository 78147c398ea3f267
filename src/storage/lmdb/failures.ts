import { statfsSync } from "node:fs";
import { SessionError } from "../../engine/index.ts";
import { DamagedFile } from "./page-format.ts";

/** Below so much room a failed write is one for want of room: a write that is cut short has no code of its own. */
const ROOM_BYTES_MIN = 2 ** 20;

const FULL = new Set<unknown>(["ENOSPC", "EDQUOT", 28, 122, /* MDB_MAP_FULL */ -30_792, /* MDB_TXN_FULL */ -30_788]);
/* MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_VERSION_MISMATCH, MDB_BAD_TXN */
const CORRUPT = new Set<unknown>([-30_796, -30_797, -30_793, -30_794]);
const REFUSED = new Set<unknown>(["EACCES", "EPERM", "EROFS", 13, 1, 30]);

/** What a failure of LMDB or of the file system means to the caller. */
export function storeError(error: unknown, folder: string): SessionError {
  if (error instanceof SessionError) return error;
  if (error instanceof DamagedFile) return corruptFile(error, folder);
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  if (FULL.has(code) || ((code === "EIO" || code === 5) && isFull(folder))) return full(folder, error);
  if (CORRUPT.has(code)) return corruptFile(new DamagedFile("LMDB cannot read it", false), folder, error);
  if (REFUSED.has(code)) {
    const message = `The session store in ${folder} cannot be opened or written: give this process's user the folder and its files, read and write.`;
    return new SessionError("STORE_UNAVAILABLE", message, { cause: error });
  }
  const message = `The session store in ${folder} failed; what was asked for may or may not be there, trying again is safe. See the cause.`;
  return new SessionError("STORE_UNAVAILABLE", message, { cause: error });
}

export function full(folder: string, cause?: unknown): SessionError {
  const message = `There is no room for the session store in ${folder}: make room on the disk, or raise mapSizeMax. Nothing was changed.`;
  return new SessionError("STORE_FULL", message, { cause });
}

export function corruptEntry(folder: string, cause?: unknown): SessionError {
  const message =
    `An entry of the session store in ${folder} is damaged; others are not concerned. ` +
    "It goes when its time is over; to have it back, stop all processes and put back a copy of the folder.";
  return new SessionError("STORE_CORRUPT", message, { cause });
}

function corruptFile({ message: what, isNewer }: DamagedFile, folder: string, cause?: unknown): SessionError {
  const wayOut = isNewer
    ? "Update this package, or move the folder away to start with an empty store."
    : "Stop all processes that use it and put back a copy, or move the folder away to start with an empty store.";
  return new SessionError("STORE_CORRUPT", `The session store's file ${folder}/data.mdb cannot be used: ${what}. ${wayOut}`, { cause });
}

function isFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < ROOM_BYTES_MIN;
  } catch {
    return false;
  }
}
