import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { open, type RootDatabase, type RootDatabaseOptionsWithPath } from "lmdb";
import { checkDataFile, readMetasOf } from "./check-data-file.ts";
import { decodeFrame, encodeFrame, FORMAT_KEY, FORMAT_NAME, FORMAT_VERSION, isOfKey, keyInFrame, SUBJECT, TIME } from "./layout.ts";
import { DamagedFile } from "./page-format.ts";

export type Root = RootDatabase<Buffer, Buffer>;

const DATA_FILE = "data.mdb";
const LOCK_FILE = "lock.mdb";
/** More than its table of readers takes (126 slots of 64 bytes and its head). */
const LOCK_BYTES = 12_288;
const NEW_PREFIX = "new-";
/** Longer than anybody takes to make an empty file: what is older was left by a process that died. */
const NEW_AGE_MAX_MS = 60_000;

/** Makes the folder, and in it an empty store, unless they are there. A store appears whole or not at all. */
export function prepareFolder(folder: string): void {
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    syncFolder(dirname(folder));
  }
  if (!statSync(folder).isDirectory()) throw new DamagedFile("its folder is none, but a file");
  accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  const isWhole = [DATA_FILE, LOCK_FILE].every((name) => existsSync(join(folder, name)));
  if (!isWhole) makeFiles(folder);
}

/** What LMDB believes without looking, before it is given the file. @throws DamagedFile */
export function checkBeforeOpen(folder: string): void {
  const file = openDataFile(folder, constants.O_RDWR);
  try {
    readMetasOf(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

/**
 * Looks at the whole file. Returns the keys of entries that do not lie where they say they do: what was written under these keys is
 * not known any more. The caller has opened it, and read nothing yet. @throws DamagedFile
 */
export function checkWhole(root: Root, folder: string): ReadonlySet<string> {
  const file = openDataFile(folder, constants.O_RDONLY);
  const snapshot = root.useReadTransaction();
  const damaged = new Set<string>();
  let marker: Buffer | undefined;
  let entryCount = 0;
  try {
    // The size is read after the snapshot began: pages of this and later snapshots stay, and the file only grows.
    checkDataFile(file, fstatSync(file).size, (key, value) => {
      entryCount++;
      const kind = key[0];
      if (FORMAT_KEY.equals(key)) marker = Buffer.from(value);
      else if (kind !== TIME && kind !== SUBJECT && !isOfKey(key, value)) {
        damaged.add(key.toString("hex"));
        damaged.add(keyInFrame(key, value).toString("hex"));
      }
    });
  } finally {
    snapshot.done();
    closeSync(file);
  }
  checkMarker(marker, entryCount);
  return damaged;
}

export function openRoot(folder: string, mapSize: number): Root {
  // The types of lmdb leave out the file mode.
  const options: RootDatabaseOptionsWithPath & { readonly permissionsMode: number } = {
    path: folder,
    noSubdir: false,
    encoding: "binary",
    keyEncoding: "binary",
    // One write transaction is on its way at a time, and `write-queue.ts` says what is in it.
    eventTurnBatching: false,
    // A commit is visible, to other processes too, when it is on the disk: a resolved append then needs nothing else.
    overlappingSync: false,
    maxDbs: 1,
    mapSize,
    permissionsMode: 0o600,
  };
  return open<Buffer, Buffer>(options);
}

function checkMarker(marker: Buffer | undefined, entryCount: number): void {
  if (marker === undefined) throw new DamagedFile(entryCount === 0 ? "it has no marker" : "another program wrote it");
  const content = decodeFrame(FORMAT_KEY, marker)?.content;
  if (content === undefined || content.toString("utf8", 1) !== FORMAT_NAME) throw new DamagedFile("another program wrote it");
  const version = content[0] ?? 0;
  if (version !== FORMAT_VERSION)
    throw new DamagedFile(`a newer version of this package wrote it (layout ${version}, this is ${FORMAT_VERSION})`, true);
}

/** Written aside and put in place whole, so that a file that is there was whole once: an empty one was truncated. */
function makeFiles(folder: string): void {
  removeLeftovers(folder);
  const aside = mkdtempSync(join(folder, NEW_PREFIX));
  try {
    // LMDB would make it of holes and write to it through memory: with a full disk, that ends the process by SIGBUS.
    const lock = Buffer.alloc(LOCK_BYTES);
    const spare = join(aside, "spare");
    for (const path of [spare, join(aside, LOCK_FILE)]) writeFileSync(path, lock, { mode: 0o600, flush: true });
    putInPlace(spare, join(folder, LOCK_FILE));
    if (!existsSync(join(folder, DATA_FILE))) {
      const root = openRoot(aside, 2 ** 20);
      try {
        const content = Buffer.concat([Buffer.of(FORMAT_VERSION), Buffer.from(FORMAT_NAME)]);
        root.transactionSync(() => void root.put(FORMAT_KEY, encodeFrame(FORMAT_KEY, 0, 0, content)));
      } finally {
        void root.close();
      }
      putInPlace(join(aside, DATA_FILE), join(folder, DATA_FILE));
    }
    syncFolder(folder);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** Unless another process was faster: its file is as good. */
function putInPlace(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const isOld =
      name.startsWith(NEW_PREFIX) && Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > NEW_AGE_MAX_MS;
    if (isOld) rmSync(path, { recursive: true, force: true });
  }
}

function openDataFile(folder: string, flags: number): number {
  const path = join(folder, DATA_FILE);
  if (!statSync(path).isFile()) throw new DamagedFile("it is no file");
  return openSync(path, flags);
}

/** A new name survives a power cut when its folder was written. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
