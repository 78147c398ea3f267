import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";

const HEADER_BYTES = 8;

/** Keeps the input that is about to be handed over, so that the end of the process does not take it along: `[u32 index][u32 length][bytes]`. */
export class JournalWriter {
  readonly #file: number;
  readonly #header = Buffer.alloc(HEADER_BYTES);

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  write(index: number, input: Uint8Array): void {
    this.#header.writeUInt32LE(index, 0);
    this.#header.writeUInt32LE(input.length, 4);
    writeSync(this.#file, Buffer.concat([this.#header, input]), 0, HEADER_BYTES + input.length, 0);
  }

  clear(): void {
    ftruncateSync(this.#file, 0);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** What was written last; undefined for nothing. */
export function readJournal(path: string): { readonly index: number; readonly input: Uint8Array } | undefined {
  const bytes = readFileSync(path);
  if (bytes.length < HEADER_BYTES) return undefined;
  const length = bytes.readUInt32LE(4);
  return { index: bytes.readUInt32LE(0), input: bytes.subarray(HEADER_BYTES, HEADER_BYTES + length) };
}
