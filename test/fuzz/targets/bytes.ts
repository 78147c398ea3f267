import { isDeepStrictEqual } from "node:util";
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import * as Y from "yjs";
import { ROOT_CONTAINER } from "../../../src/engine/cells.ts";
import { SessionError } from "../../../src/engine/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/engine/limits.ts";
import {
  decodeChange,
  decodeEnvelope,
  decodeRecord,
  encodeChange,
  encodeEnvelope,
  encodeRecord,
} from "../../../src/engine/record-codec.ts";
import {
  decodeRow,
  type DecodedRow,
  encodeCommitRow,
  encodeGenesisHeader,
  encodeGenesisRow,
  type GenesisHeader,
} from "../../../src/engine/row-codec.ts";
import { readValue, writeValue } from "../../../src/engine/value-codec.ts";
import { normaliseValue, type Plain } from "../../../src/engine/values.ts";
import type { Corpus } from "../corpus.ts";
import { bytesOf, hostileVarUint } from "../hostile-bytes.ts";
import { hostileRow, hostileValue } from "../hostile-rows.ts";
import { mutated } from "../mutation.ts";
import { Inconsistent, type Target } from "../target.ts";

/** Undefined when it was refused as it should be; any other error is a crash. */
export function unlessCorrupt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof SessionError && error.code === "RECORD_CORRUPT") return undefined;
    throw error;
  }
}

const WRITER = 2 ** 32 + 7;
const HEADER: GenesisHeader = {
  removalFloor: 256,
  vector: [
    [WRITER, 9_000],
    [WRITER + 1, 700_000],
  ],
  containerIds: ["0011223344556677", "8899aabbccddeeff", "0123456789abcdef"],
};

/** The number of the row's client, genesis or writer, and the row. */
export function rowTarget({ histories }: Corpus): Target {
  const rows = histories.flatMap(({ states }) => states).flatMap(({ document }) => (document === undefined ? [] : rowsOf(document.bytes)));
  let taken: DecodedRow | undefined;
  return {
    name: "row",
    input(dice) {
      if (dice.chance(0.5)) return mutated(dice, dice.pick(rows), rows);
      return hostileRow(dice, { stamp: 0, containerIds: HEADER.containerIds, writers: [WRITER, WRITER + 1] });
    },
    take(input) {
      taken = unlessCorrupt(() => decodeRow(input, WRITER, HEADER, DEFAULT_LIMITS));
      return taken !== undefined;
    },
    check() {
      if (taken === undefined) return;
      const again = decodeRow(written(taken), WRITER, HEADER, DEFAULT_LIMITS);
      if (!isDeepStrictEqual(sorted(again), sorted(taken)))
        throw new Inconsistent(`a ${taken.type} row reads differently when it is written again`);
    },
  };
}

function rowsOf(update: Uint8Array): readonly Uint8Array[] {
  return Y.decodeUpdate(update).structs.flatMap((struct) =>
    struct instanceof Y.Item && struct.content instanceof Y.ContentBinary ? [struct.content.content] : [],
  );
}

function written(decoded: DecodedRow): Uint8Array {
  if (decoded.type === "header") return encodeGenesisHeader(decoded.header);
  const { row } = decoded;
  if (decoded.type === "commit") return encodeCommitRow(decoded.stamp, row.containerId, row.layout, row.cells);
  const containers = new Map([[ROOT_CONTAINER, 0], ...HEADER.containerIds.map((id, index) => [id, index + 1] as const)]);
  return encodeGenesisRow(row, containers, new Map(HEADER.vector.map(([writer], index) => [writer, index])));
}

/** A genesis sorts the cells of a row, and equal names stand in any order. */
function sorted(decoded: DecodedRow): unknown {
  if (decoded.type !== "genesis") return decoded;
  const name = (cell: unknown): string => JSON.stringify(cell, (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
  const cells = decoded.row.cells.toSorted((left, right) => (name(left) < name(right) ? -1 : 1));
  return { ...decoded, row: { ...decoded.row, cells } };
}

const VALUES: readonly Plain[] = [
  null,
  true,
  -7.5,
  2 ** 53 - 1,
  "text é",
  2n ** 70n,
  new Date(1_700_000_000_000),
  new Uint8Array([1, 2, 3]),
  [1, [2, [3]], "a"],
  { a: 1, b: { c: [true, null] } },
  new Map<Plain, Plain>([
    ["k", 1],
    [2, new Set<Plain>(["x", { y: 1 }])],
  ]),
];

export function valueTarget(): Target {
  const values = VALUES.map(bytesOfValue);
  let taken: { readonly value: Plain } | undefined;
  return {
    name: "value",
    input: (dice) => (dice.chance(0.4) ? mutated(dice, dice.pick(values), values) : hostileValue(dice)),
    take(input) {
      taken = unlessCorrupt(() => ({ value: readValue(decoding.createDecoder(input), DEFAULT_LIMITS) }));
      return taken !== undefined;
    },
    check() {
      if (taken === undefined) return;
      const { value } = taken;
      const again = readValue(decoding.createDecoder(bytesOfValue(value)), DEFAULT_LIMITS);
      if (!isDeepStrictEqual(again, value)) throw new Inconsistent("a value reads differently when it is written again");
      if (!isDeepStrictEqual(normaliseValue(value, "value", DEFAULT_LIMITS), value))
        throw new Inconsistent("a value is not in its canonical form");
      if (Object.keys(Object.prototype).length > 0) throw new Inconsistent("a value polluted the prototype of all objects");
    },
  };
}

function bytesOfValue(value: Plain): Uint8Array {
  const encoder = encoding.createEncoder();
  writeValue(encoder, value);
  return encoding.toUint8Array(encoder);
}

const CODECS = [
  (bytes: Uint8Array): Uint8Array => encodeRecord(decodeRecord(bytes)),
  (bytes: Uint8Array): Uint8Array => encodeEnvelope(decodeEnvelope(bytes)),
  (bytes: Uint8Array): Uint8Array => encodeChange(decodeChange(bytes)),
] as const;

/** The number of the codec (record, envelope, change), and the bytes. */
export function recordTarget({ histories }: Corpus): Target {
  const records = histories.flatMap(({ victim, states }) => [victim, ...states]);
  const valid = [
    records.map(encodeRecord),
    records.map(({ envelope }) => encodeEnvelope(envelope)),
    histories.flatMap(({ changes }) => changes).map(encodeChange),
  ] as const;
  const all = valid.flat();
  let again: Uint8Array | undefined;
  return {
    name: "record",
    input(dice) {
      const codec = dice.whole(0, 2);
      if (dice.chance(0.7)) return bytesOf(codec, mutated(dice, dice.pick(valid[codec] ?? all), all));
      const numbers = (): Uint8Array => bytesOf(...Array.from({ length: dice.whole(1, 5) }, () => hostileVarUint(dice)));
      return bytesOf(
        codec,
        1,
        codec === 2 ? hostileVarUint(dice) : dice.bytes(16),
        codec === 2 ? dice.bytes(8) : dice.pick([0, 1, 2, 4, 5, 0x20, 0x40, 0x80, 0xe0, 0xff]),
        numbers(),
        dice.chance(0.5) ? dice.bytes(16) : [],
        numbers(),
        dice.chance(0.3) ? dice.bytes(8) : [],
        dice.chance(0.5) ? bytesOf(2, 0, 0) : [],
      );
    },
    take(input) {
      const codec = CODECS[(input[0] ?? 0) % CODECS.length] ?? CODECS[0];
      again = unlessCorrupt(() => codec(input.subarray(1)));
      return again !== undefined;
    },
    check(input) {
      if (again !== undefined && Buffer.compare(again, input.subarray(1)) !== 0)
        throw new Inconsistent("bytes were read that nobody writes: written again they differ");
    },
  };
}
