import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

const REGISTRY = "src/engine/registry.ts";
const LOADER = "src/engine/session-loader.ts";
const REGISTRY_TEST = "src/engine/registry.test.ts";
const REST_TEST = "src/engine/registry-rest.test.ts";
const SWEEP = "src/engine/registry-sweep.ts";
const BARRIER_TEST = "src/engine/join-barrier.test.ts";

/** Which sessions a process holds, hot, cold and gone; what it tells of them. */
export const REGISTRY_MUTANTS: readonly SourceMutant[] = [
  byTestsOf("R1", REGISTRY_TEST, "each request loads the session for itself", [edit(LOADER, "    this.#loading.set(key, started);\n", "")]),
  byTestsOf("R2", REGISTRY_TEST, "what is not stored goes to rest", [
    edit(
      REGISTRY,
      "if (!session.isAllStored || this.#hot.get(key) !== session) return false;",
      "if (this.#hot.get(key) !== session) return false;",
    ),
    edit(REGISTRY, "    if (session.storing !== undefined) return false;\n", ""),
    edit(
      REGISTRY,
      "if (this.#saver.storeNow(session) || session.isAllStored) return",
      "if (this.#saver.storeNow(session) || session.isHeld) return",
    ),
  ]),
  byTestsOf("R3", REGISTRY_TEST, "there may be any number of sessions", [
    edit("src/engine/room.ts", "if (sessionCount >= limit) {", "if (sessionCount > 2 * limit) {"),
  ]),
  byTestsOf("R4", REGISTRY_TEST, "what no relay could tell of is taken for absent", [
    edit(
      LOADER,
      'if (fetched?.kind === "unavailable" || fetched?.kind === "found") throw unavailable("no relay that could know it answered");',
      "",
    ),
  ]),
  byTestsOf("R5", REGISTRY_TEST, "closing leaves the timer of the sweep", [
    edit(REGISTRY, "    this.#isClosed = true;\n    this.#sweep.stop();\n", "    this.#isClosed = true;\n"),
  ]),
  byTestsOf("R6", REST_TEST, "documents may take any number of bytes", [
    edit(
      "src/engine/hot-sessions.ts",
      "(this.size > this.#limits.hotCount || this.#bytes > this.#limits.hotBytes)",
      "this.size > this.#limits.hotCount",
    ),
  ]),
  byTestsOf("R8", REST_TEST, "a tombstone is laid before its end is stored", [
    edit(
      REGISTRY,
      "if (session.envelope.ended === undefined || !session.isStored || !this",
      "if (session.envelope.ended === undefined || !this",
    ),
    edit(
      REGISTRY,
      "    if (this.#saver.storeNow(session)) {\n      this.#lay(session);\n      return undefined;\n    }",
      "    this.#lay(session);",
    ),
  ]),
  byTestsOf("R9", REST_TEST, "a sweep goes through everything at once", [
    edit(SWEEP, "const LOOK_COUNT = 1_000;", "const LOOK_COUNT = 1_000_000_000;"),
    edit(SWEEP, "const VISIT_COUNT = 20;", "const VISIT_COUNT = 1_000_000_000;"),
    edit(SWEEP, "const EVICT_COUNT = 60;", "const EVICT_COUNT = 1_000_000_000;"),
    edit(SWEEP, "const PACKED_LOOK_COUNT = 4_000;", "const PACKED_LOOK_COUNT = 1_000_000_000;"),
  ]),
  byTestsOf("R10", REST_TEST, "a session that is evicted at rest is told of by nobody", [
    edit(SWEEP, 'if (resting?.fate === "idle") onEvent(idleEvent(key, resting.touchedAtMs));\n    else if', "if"),
  ]),
  byTestsOf("R11", REST_TEST, "a session goes to rest unheard", [
    edit(REGISTRY, 'this.#options.onEvent({ type: "passivated", key });', ""),
  ]),
  byTestsOf("R12", REST_TEST, "any number of bytes may be unsaved", [
    edit("src/engine/room.ts", "if (unsavedBytes >= unsavedLimit) {", "if (unsavedBytes >= 100 * unsavedLimit) {"),
  ]),
  byTestsOf("R13", "src/engine/registry-shared.test.ts", "what another process stored is not looked for", [
    edit(
      "src/engine/session-saver.ts",
      "envelope.ended === undefined && store.version(key) !== storeVersion;",
      "envelope.ended === undefined && storeVersion < 0;",
    ),
  ]),
  byTestsOf("R14", "src/engine/fingerprint.test.ts", "a fingerprint does not look at the idle timeout", [
    edit("src/engine/fingerprint.ts", "  number(envelope.idleTimeoutMs);\n", ""),
    edit("src/engine/fingerprint.ts", "  number(envelope.idleTimeoutStamp);\n", ""),
  ]),
  byTestsOf("R15", BARRIER_TEST, "what is past its time is taken in again", [
    edit(
      "src/engine/replica.ts",
      "return discardAtMs(envelope, this.#host.epsilonMs) <= this.#host.nowMs();",
      "return discardAtMs(envelope, this.#host.epsilonMs) < 0;",
    ),
  ]),
  byTestsOf("R17", BARRIER_TEST, "holders are not told when a session was born", [
    edit(
      LOADER,
      "before === undefined ? this.#options.fetch(key, bornAtMs) : undefined,",
      "before === undefined ? this.#options.fetch(key, bornAtMs && undefined) : undefined,",
    ),
  ]),
  byTestsOf("R18", "src/engine/acknowledgement.test.ts", "any number of bytes may be on no relay", [
    edit("src/engine/room.ts", "if (unreplicatedBytes >= unsavedLimit) {", "if (unreplicatedBytes >= 100 * unsavedLimit) {"),
  ]),
  byTestsOf("R19", "src/engine/restoring.test.ts", "what lies in the folder is taken over though its time is past", [
    edit(REGISTRY, "if (this.#isClosed || atMs <= clock.nowMs() || this.#current(key)", "if (this.#isClosed || this.#current(key)"),
  ]),
];
