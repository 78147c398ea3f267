import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

const TOKEN = "src/adapters/http/version-token.ts";
const TOKENS_TEST = "test/integration/adapters/seen-tokens.test.ts";
const EXCHANGE = "src/adapters/http/seen-exchange.ts";
const SEEN_TEST = "test/integration/adapters/read-your-writes.test.ts";
const REQUEST = "src/adapters/http/request-session.ts";

/** What a browser is told of its session, and what it brings back. */
export const TOKEN_MUTANTS: readonly SourceMutant[] = [
  byTestsOf("RW5", "src/adapters/http/version-token.test.ts", "a token passes for any session", [
    edit(TOKEN, "Buffer.from(`seen\\0${scope}\\0${key}\\0`)", "Buffer.from(`seen\\0${scope}\\0${key.slice(0, 0)}\\0`)"),
  ]),
  byTestsOf("RW6", SEEN_TEST, "a response tells nothing of what it wrote", [
    edit(EXCHANGE, "dot: held.hasCommitted ? held.open.written : undefined,", "dot: undefined,"),
  ]),
  byTestsOf("RW8", TOKENS_TEST, "every response tells of a use", [
    edit(EXCHANGE, "(held.hasCommitted || (isUse && this.#isTouchDue(held)))", "(held.hasCommitted || isUse)"),
  ]),
  byTestsOf("RW9", SEEN_TEST, "what cannot be had is asked for again and again", [
    edit(EXCHANGE, "const missing = this.isBehind && !this.#isKept ?", "const missing = this.isBehind && this.#isKept ?"),
  ]),
  byTestsOf("RW10", TOKENS_TEST, "clients of a header are told nothing", [
    edit(
      "src/adapters/http/carrier.ts",
      'return channel === "closed" ? undefined : { header: seenHeader(',
      'return channel !== "closed" ? undefined : { header: seenHeader(',
    ),
  ]),
  byTestsOf("RW11", TOKENS_TEST, "a logout forgets what is missing alone", [
    edit(EXCHANGE, "for (const slot of clearing === undefined ? missing : this.#reading.slots)", "for (const slot of missing)"),
  ]),
  byTestsOf("RW12", TOKENS_TEST, "a response goes out before the holders have what it wrote", [
    edit(
      REQUEST,
      "return this.#bounded(held.open.answerable().then(() => undefined)).catch((error: unknown) => {",
      "held.open.answerable().catch(() => undefined);\n    return Promise.resolve().catch((error: unknown) => {",
    ),
  ]),
  byTestsOf("RW13", SEEN_TEST, "a change of id takes over what is there", [
    edit(REQUEST, "if (hasBegun && takesOver(rotation) && this.#seen?.refusesCopy(old.nowMs) === true) throw behindToRotate();", ""),
  ]),
  byTestsOf("AK3", "test/integration/adapters/acks.test.ts", "a change of id does not wait for the acks of the new session", [
    edit(
      REQUEST,
      'if (engine.persist === "before") {\n      try {',
      'if (engine.persist !== "before" && engine.persist !== "after") {\n      try {',
    ),
  ]),
];
