import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { DEFAULT_LIMITS, Engine, type LastingStore } from "../../../src/engine/index.ts";
import { checkDocument } from "../../../src/engine/intake.ts";
import { decodeRecord, encodeRecord } from "../../../src/engine/record-codec.ts";
import { openDataFolder } from "../../../src/relay/data-folder.ts";
import { checkDataFile } from "../../../src/storage/lmdb/check-data-file.ts";
import { decodeFrame, encodeFrame, keyText, idOf, recordKey } from "../../../src/storage/lmdb/layout.ts";
import { lmdbStore } from "../../../src/storage/lmdb/index.ts";
import { DamagedFile } from "../../../src/storage/lmdb/page-format.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { ManualRuntime, sha256 } from "../../support/manual-runtime.ts";
import type { Dice } from "../../simulation/dice.ts";
import type { Corpus } from "../corpus.ts";
import { bytesOf } from "../hostile-bytes.ts";
import { mutated } from "../mutation.ts";
import { Inconsistent, type Target } from "../target.ts";
import { unlessCorrupt } from "./bytes.ts";

const WRITER = 2 ** 32;
const CONTEXT = { sha256, limits: DEFAULT_LIMITS, writer: () => WRITER, newWriter: () => WRITER, drawWriter: () => WRITER };

/** The number of the entry's key, and its bytes: seldom with a checksum that fits, as a disk that mixes up blocks gives them. */
export function entryTarget({ histories }: Corpus): Target {
  const records = histories.flatMap(({ victim, states }) => [victim, ...states]);
  const keys = records.map(({ envelope }) => recordKey(envelope.key));
  const frames = records.map((record, index) => encodeFrame(keys[index] ?? Buffer.alloc(0), 1_700_000_000_000, 7, encodeRecord(record)));
  let content: Uint8Array | undefined;
  return {
    name: "entry",
    input(dice) {
      const index = dice.whole(0, records.length - 1);
      const frame = mutated(dice, frames[index] ?? new Uint8Array(), frames);
      if (dice.chance(0.75) && frame.length > 4) {
        // Whoever can write there can sum up, too.
        const bytes = Buffer.from(frame);
        bytes.writeUInt32BE(crc32(bytes.subarray(4)), 0);
        return bytesOf(index, bytes);
      }
      return bytesOf(index, frame);
    },
    take(input) {
      content = undefined;
      const entryKey = keys[(input[0] ?? 0) % keys.length] ?? Buffer.alloc(0);
      const frame = decodeFrame(entryKey, Buffer.from(input.buffer, input.byteOffset + 1, Math.max(0, input.length - 1)));
      if (frame === undefined) return false;
      const record = unlessCorrupt(() => {
        const decoded = decodeRecord(frame.content);
        if (decoded.document !== undefined) checkDocument(CONTEXT, decoded.document);
        return decoded;
      });
      if (record === undefined || record.envelope.key !== keyText(idOf(entryKey))) return false;
      content = frame.content;
      return true;
    },
    check() {
      if (content !== undefined && Buffer.compare(encodeRecord(decodeRecord(content)), content) !== 0)
        throw new Inconsistent("an entry was read that nobody writes: written again it differs");
    },
  };
}

const PATCH_HEADER_BYTES = 4;

/**
 * What is written over a valid file, `[u24 position][u8 length][bytes]` each, and at the end, seldom, `[u24 length]`, to which it is cut. The file is
 * one that LMDB made.
 */
export async function fileTarget(corpus: Corpus): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), "converge-fuzz-file-"));
  await writeStore(join(folder, "store"), corpus);
  const whole = readFileSync(join(folder, "store", "data.mdb"));
  const path = join(folder, "data.mdb");
  writeFileSync(path, whole);
  const file = openSync(path, "r+");
  const entries = entriesOf(file, whole.length);
  let found: ReadonlyMap<string, string> | undefined;
  return {
    name: "file",
    input: (dice) => patches(dice, whole),
    take(input) {
      const damaged = patched(whole, input);
      ftruncateSync(file, damaged.length);
      writeSync(file, damaged, 0, damaged.length, 0);
      try {
        found = entriesOf(file, damaged.length);
        return true;
      } catch (error) {
        found = undefined;
        if (error instanceof DamagedFile) return false;
        throw error;
      }
    },
    check() {
      if (found === undefined) return;
      // A file that passes may hold broken values, which have checksums; what it does not have is other keys in another order.
      if (found.size > entries.size + 2) throw new Inconsistent("a damaged file has more entries than the whole one");
    },
    close() {
      closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function writeStore(path: string, { histories }: Corpus): Promise<void> {
  let store: LastingStore | undefined;
  const make = lmdbStore({ path, mapSizeMax: 2 ** 24 });
  const engine = new Engine({ store: (context) => (store = make(context)) }, new ManualRuntime(), (context) => new MemoryStore(context));
  for (let round = 0; round < 4; round++) {
    for (const { victim, states } of histories) {
      for (const record of [victim, ...states]) {
        if (record.envelope.ended === undefined) await store?.append(record.envelope.key, record, 1_800_000_000_000 + round);
      }
    }
  }
  await engine.close();
}

function entriesOf(file: number, fileBytes: number): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  checkDataFile(file, fileBytes, (key, value) => void entries.set(key.toString("hex"), value.subarray(0, 64).toString("hex")));
  return entries;
}

function patches(dice: Dice, whole: Buffer): Uint8Array {
  const parts = Array.from({ length: dice.chance(0.7) ? 1 : dice.whole(2, 4) }, () => {
    const pages = Math.floor(whole.length / 4_096);
    // Where the numbers are: headers of pages, the meta pages, positions of nodes.
    const inPage = dice.chance(0.6) ? dice.whole(0, 200) : dice.whole(0, 4_095);
    const at = dice.whole(0, pages - 1) * 4_096 + inPage;
    const bytes = dice.chance(0.5)
      ? Uint8Array.of((whole[at] ?? 0) ^ (1 << dice.whole(0, 7)))
      : dice.chance(0.5)
        ? dice.bytes(dice.whole(1, 8))
        : new Uint8Array(dice.whole(1, 8)).fill(dice.pick([0, 0xff]));
    return bytesOf((at >> 16) & 0xff, (at >> 8) & 0xff, at & 0xff, bytes.length, bytes);
  });
  const length = dice.whole(0, whole.length);
  return bytesOf(Buffer.concat(parts), dice.chance(0.1) ? bytesOf((length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff) : []);
}

function patched(whole: Buffer, input: Uint8Array): Buffer {
  const damaged = Buffer.from(whole);
  let at = 0;
  for (; at + PATCH_HEADER_BYTES <= input.length;) {
    const [high = 0, middle = 0, low = 0, length = 0] = input.subarray(at, at + PATCH_HEADER_BYTES);
    at += PATCH_HEADER_BYTES;
    const position = (high << 16) | (middle << 8) | low;
    if (position + length <= damaged.length) damaged.set(input.subarray(at, at + length), position);
    at += length;
  }
  const cut = input.subarray(at);
  return cut.length === 3 ? damaged.subarray(0, ((cut[0] ?? 0) << 16) | ((cut[1] ?? 0) << 8) | (cut[2] ?? 0)) : damaged;
}

const IDENTITY = JSON.stringify({
  format: 1,
  incarnation: "0123456789abcdef".repeat(2),
  begunAtMs: 1_700_000_000_000,
  completeSinceMs: 1_700_000_000_001,
});
const IDENTITY_VALUES = [
  "null",
  "-1",
  "1e400",
  "9007199254740993",
  '"x"',
  "[]",
  "{}",
  '"0123456789ABCDEF0123456789ABCDEF"',
  "1.5",
  "[[[[[[[[[[]]]]]]]]]]",
];

export function identityTarget(): Target {
  const folder = mkdtempSync(join(tmpdir(), "converge-fuzz-identity-"));
  writeFileSync(join(folder, "data.mdb"), "");
  const valid = [Buffer.from(IDENTITY)];
  let said: { readonly warnings: number; readonly begunAtMs: number | undefined; readonly completeSinceMs: number | undefined } | undefined;
  return {
    name: "identity",
    input(dice) {
      if (dice.chance(0.5)) return mutated(dice, dice.pick(valid), valid);
      const name = dice.pick(["format", "incarnation", "begunAtMs", "completeSinceMs", "__proto__"]);
      return Buffer.from(IDENTITY.replace(new RegExp(`"${name}":("[^"]*"|\\d+)`), `"${name}":${dice.pick(IDENTITY_VALUES)}`));
    },
    async take(input) {
      writeFileSync(join(folder, "relay.json"), input);
      let warnings = 0;
      const { incarnation } = await openDataFolder(folder, undefined, 5, () => warnings++);
      said = { warnings, begunAtMs: incarnation.begunAtMs, completeSinceMs: incarnation.completeSinceMs };
      return warnings === 0;
    },
    check() {
      if (said === undefined) return;
      const isInstant = (value: number | undefined): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
      const isSound =
        said.warnings === 0 ? isInstant(said.begunAtMs) && isInstant(said.completeSinceMs) : said.completeSinceMs === undefined;
      if (!isSound) throw new Inconsistent("a relay believes a time that is none");
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
