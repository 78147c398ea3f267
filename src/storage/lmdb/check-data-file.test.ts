import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkDataFile } from "./check-data-file.ts";
import { type Meta, PAGE_BRANCH, PAGE_HEADER_BYTES, readMetas } from "./page-format.ts";

const PAGE_BYTES = 4096;

let folder: string;
let bytes: Buffer;
let newer: Meta;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lmdb-check-"));
  const root = open<Buffer, Buffer>({
    path: folder,
    noSubdir: false,
    overlappingSync: false,
    encoding: "binary",
    keyEncoding: "binary",
    pageSize: PAGE_BYTES,
  });
  for (let round = 0; round < 6; round++) {
    await root.transaction(() => {
      for (let index = 0; index < 200; index++)
        void root.put(Buffer.from(`key ${(index * 7) % 200}`), Buffer.alloc(100 + ((index * round) % 5) * 900));
    });
  }
  await root.close();
  bytes = readFileSync(join(folder, "data.mdb"));
  [, newer] = readMetas(bytes, bytes.length);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function check(): number {
  const path = join(folder, "changed");
  writeFileSync(path, bytes);
  const file = openSync(path, "r");
  let entryCount = 0;
  try {
    checkDataFile(file, fstatSync(file).size, () => entryCount++);
  } finally {
    closeSync(file);
  }
  return entryCount;
}

function pageAt(number: bigint | number): Buffer {
  return bytes.subarray(Number(number) * PAGE_BYTES, (Number(number) + 1) * PAGE_BYTES);
}

function nodeAt(page: Buffer, index: number): number {
  return page.readUInt16LE(PAGE_HEADER_BYTES + 2 * index) + PAGE_HEADER_BYTES;
}

function metaPage(meta: Meta): Buffer {
  return pageAt(meta.transaction % 2n);
}

/** What only a whole look at the file tells; each would be followed by LMDB, or lose what was acknowledged. */
describe("[ST12] checkDataFile", () => {
  test("finds nothing in a file that nothing happened to, and visits every entry", () => {
    expect(pageAt(newer.main.root).readUInt16LE(18)).toBe(PAGE_BRANCH);
    expect(check()).toBe(200);
  });

  test("a meta page that went back by two transactions, so that the other one seems newer", () => {
    metaPage(newer).writeBigUInt64LE(newer.transaction - 2n, 152);
    expect(check).toThrow(/a meta page was set back|newer than its tree/);
  });

  test("a meta page that is one ahead", () => {
    metaPage(newer).writeBigUInt64LE(newer.transaction + 2n, 152);
    expect(check).toThrow("do not follow each other");
  });

  test("a free page that is used", () => {
    const page = pageAt(newer.free.root);
    const at = nodeAt(page, page.readUInt16LE(20) / 2 - 1);
    page.writeBigInt64LE(newer.main.root, at + 8 + page.readUInt16LE(at + 6) + 8);
    expect(check).toThrow("a page is used and free");
  });

  test("a free page that is named twice", () => {
    const page = pageAt(newer.free.root);
    const at = nodeAt(page, page.readUInt16LE(20) / 2 - 1);
    const list = at + 8 + page.readUInt16LE(at + 6);
    page.writeBigInt64LE(page.readBigInt64LE(list + 8), list + 16);
    expect(check).toThrow("a page is free twice");
  });

  test("a list of free pages that says it is longer than it is", () => {
    const page = pageAt(newer.free.root);
    const at = nodeAt(page, 0);
    page.writeBigInt64LE(1_000_000n, at + 8 + page.readUInt16LE(at + 6));
    expect(check).toThrow("a list of free pages is broken");
  });

  test("two children in each other's place", () => {
    const page = pageAt(newer.main.root);
    const [one, other] = [nodeAt(page, 0), nodeAt(page, 1)];
    const [first, second] = [page.readUInt32LE(one), page.readUInt32LE(other)];
    page.writeUInt32LE(second, one);
    page.writeUInt32LE(first, other);
    expect(check).toThrow("its keys are out of order");
  });

  test("a branch that leads back to its own page", () => {
    const page = pageAt(newer.main.root);
    page.writeUInt32LE(Number(newer.main.root), nodeAt(page, 1));
    expect(check).toThrow("a page is used twice");
  });

  test("a key out of order in a leaf", () => {
    const branch = pageAt(newer.main.root);
    let page = pageAt(branch.readUInt32LE(nodeAt(branch, 0)));
    while (page.readUInt16LE(18) === PAGE_BRANCH) page = pageAt(page.readUInt32LE(nodeAt(page, 0)));
    const at = nodeAt(page, 0);
    page[at + 8] = 0xff;
    expect(check).toThrow("its keys are out of order");
  });

  test("a tree with another count of entries than it has", () => {
    metaPage(newer).writeBigUInt64LE(199n, 96 + 32);
    expect(check).toThrow("a tree has other pages than its meta page says");
  });
});
