import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

const MEMORY = "src/storage/memory-store.ts";
const MEMORY_TEST = "test/contract/memory-store.test.ts";

/** Where sessions rest: caught by the contract that every store passes. */
export const STORE_MUTANTS: readonly SourceMutant[] = [
  byTestsOf("ST1", MEMORY_TEST, "what was discarded is found", [edit(MEMORY, "    for (const key of records) this.#remove(key);\n", "")]),
  byTestsOf("ST2", MEMORY_TEST, "every second append is forgotten", [
    edit(
      MEMORY,
      "    this.appendNow(key, record, discardAtMs);\n",
      "    if (this.#slabs.byteLength === 0) this.appendNow(key, record, discardAtMs);\n",
    ),
  ]),
  byTestsOf("ST3", MEMORY_TEST, "what is loaded shares its bytes with the store", [
    edit(
      MEMORY,
      "    this.#checkOpen();\n    return this.#read(key);",
      "    this.#checkOpen();\n    const shared = this.#loaded.get(key) ?? this.#read(key);\n    if (shared !== undefined) this.#loaded.set(key, shared);\n    return shared;",
    ),
    edit(MEMORY, "  #isClosed = false;\n", "  #isClosed = false;\n  readonly #loaded = new Map<SessionKey, SessionRecord>();\n"),
    edit(MEMORY, "    const resting = this.#read(key);\n", "    this.#loaded.delete(key);\n    const resting = this.#read(key);\n"),
  ]),
  byTestsOf("ST5", MEMORY_TEST, "more is discarded than may be in one call", [
    edit(
      MEMORY,
      "const records = this.#index.takeDue(nowMs, limit, limit * LOOKED_AT) ?? [];",
      "const records = this.#index.takeDue(nowMs, 10 * limit, 10 * limit * LOOKED_AT) ?? [];",
    ),
  ]),
  byTestsOf("ST6", MEMORY_TEST, "a store that was closed answers", [
    edit(
      MEMORY,
      'if (this.#isClosed) throw new SessionError("STORE_CLOSED"',
      'if (this.#isClosed && this.durable) throw new SessionError("STORE_CLOSED"',
    ),
  ]),
  byTestsOf("ST7", MEMORY_TEST, "the sessions of a subject are all sessions", [
    edit(
      MEMORY,
      "else for (const key of keys) if (this.#read(key)?.envelope.subject === subject) yield key;",
      "else yield* this.#index.keysIn(part);",
    ),
  ]),
  byTestsOf("ST8", MEMORY_TEST, "what was claimed can be claimed again", [edit(MEMORY, "    this.#claims.set(claim, untilMs);\n", "")]),
  byTestsOf("ST9", MEMORY_TEST, "the last revocation counts, not the latest", [
    edit(MEMORY, "notBeforeMs: Math.max(notBeforeMs, before?.notBeforeMs ?? 0),", "notBeforeMs,"),
  ]),
];
