import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

/** Sessions that are hardly used, so that they are idle now and then. */
export const IDLE = {
  browsers: 20,
  requests: 60,
  roundMs: 50_000,
  mix: { read: 90, write: 5, create: 1, end: 1, page: 0 },
  world: { briefShare: 1 },
} as const;

/** When a session lives: ends, touches, timeouts, the clock. */
export const ENVELOPE_MUTANTS: readonly SourceMutant[] = [
  {
    name: "the verdict skips the ended check",
    laws: ["E2"],
    guard: "R1",
    edits: [
      edit(
        "src/engine/verdict.ts",
        'if (ended !== undefined || nowMs >= deadlineMs) return "ended";',
        'if (ended === undefined && nowMs >= deadlineMs) return "ended";',
      ),
    ],
    // What is left of an ended session looks idle, too: two guards, of which the simulator needs one.
    test: { project: "property", file: "test/property/envelope.property.test.ts", title: "[E2] once ended, it is always ended" },
  },
  {
    name: "the verdict skips the ended check, and what ended looks as if it were in use",
    laws: ["E8", "E6", "crash"],
    guard: "R1",
    edits: [
      edit(
        "src/engine/verdict.ts",
        'if (ended !== undefined || nowMs >= deadlineMs) return "ended";',
        'if (ended === undefined && nowMs >= deadlineMs) return "ended";',
      ),
      edit("src/engine/envelope.ts", "idleTimeoutMs: 0,\n", "idleTimeoutMs: Number.MAX_SAFE_INTEGER,\n"),
    ],
  },
  {
    name: "an end is forgotten a second later",
    laws: ["E8", "E6", "D1", "SY21"],
    guard: "R1",
    edits: [
      edit(
        "src/engine/session-times.ts",
        "if (ended !== undefined || successor !== undefined) return goneMs;",
        "if (ended !== undefined) return ended.atMs + 1_000;\n  if (successor !== undefined) return goneMs;",
      ),
    ],
    options: { mix: { end: 30 }, troubles: { partition: 30, suspend: 20, cut: 20 } },
  },
  {
    name: "an end that comes from elsewhere does not count",
    laws: ["E8", "E6", "D1"],
    guard: "R1",
    message: "end",
    edits: [edit("src/engine/replica.ts", "live.takeIn(end, () => false);\n      return this.#host.cameIn(live);", "return undefined;")],
  },
  {
    name: "a slow request saves its session, whether or not it still is",
    laws: ["E8", "E6", "E2", "D10"],
    guard: "R2",
    edits: [
      edit(
        "src/engine/open-session.ts",
        'const { document } = live;\n    if (document === undefined || this.verdict() !== "alive") {',
        `if (live.document === undefined) {
      live.envelope = this.#engine.newEnvelope(live.key, this.#birth());
      live.document = this.#engine.newDocument(live.envelope, undefined);
    }
    const { document } = live;
    if (document === undefined || this.verdict() !== "alive") {`,
      ),
      edit(
        "src/engine/registry.ts",
        "if (tombstone !== undefined) {\n        session.takeIn",
        "if (tombstone !== undefined && session.envelope.ended !== undefined) {\n        session.takeIn",
      ),
    ],
    options: { browsers: 6, mix: { end: 40, write: 60 } },
  },
  {
    name: "a copy on an old disk is served without asking whether it still is",
    laws: ["R16"],
    guard: "R5",
    edits: [
      edit(
        "src/engine/session-loader.ts",
        'if (isUnconfirmed && !isComplete(fetched) && this.#options.alone?.() === "refuse") throw unconfirmed();',
        "",
      ),
    ],
    test: {
      project: "unit",
      file: "src/engine/join-barrier.test.ts",
      title: "is refused with alone: refuse when not all of them could be asked",
    },
  },
  {
    name: "a process starts with its wall clock, whatever the mark on its disk says",
    laws: ["K5"],
    guard: "R7",
    edits: [edit("src/engine/session-life.ts", "this.sessionStore.highWaterMs?.()", "undefined")],
    test: {
      project: "unit",
      file: "src/engine/engine-clock.test.ts",
      title: "holds for the engine after it, whatever its machine's clock says",
    },
  },
  {
    name: "a relay that starts again forgets the ends that lie on its disk",
    laws: ["E8"],
    guard: "R9",
    edits: [
      edit(
        "src/engine/registry.ts",
        "if (ended !== undefined) this.#ended.set(envelope, atMs);\n    else if",
        "if (ended !== undefined) return false;\n    else if",
      ),
    ],
    // Those who know of the end tell it again before anybody asks: the simulator rarely finds a world in which nobody is left who does.
    test: { project: "unit", file: "src/engine/restoring.test.ts", title: "what ended reads ended without a load" },
  },
  {
    name: "of two touches the one that came last counts",
    laws: ["E3"],
    alone: "E3",
    edits: [
      edit("src/engine/envelope.ts", "touchedAtMs: Math.max(left.touchedAtMs, right.touchedAtMs),", "touchedAtMs: right.touchedAtMs,"),
    ],
  },
  {
    name: "a touch that comes late sets the last use back",
    laws: ["E3"],
    message: "touch",
    edits: [
      edit(
        "src/engine/live-session.ts",
        "if (this.envelope.ended !== undefined || touchedAtMs <= this.envelope.touchedAtMs) return false;",
        "if (this.envelope.ended !== undefined) return false;",
      ),
    ],
  },
  {
    name: "a touch from a fast clock is clamped, and walks on",
    laws: ["E4"],
    edits: [
      edit(
        "src/engine/replica.ts",
        "if (live !== undefined && !this.#isAhead(key, touchedAtMs)) live.takeTouch(touchedAtMs, true);",
        "if (live !== undefined) live.takeTouch(Math.min(touchedAtMs, this.#host.nowMs() + this.#host.epsilonMs), true);",
      ),
    ],
    test: { project: "unit", file: "src/engine/engine.test.ts", title: "[E4] one dated more than ε ahead is refused and told" },
  },
  {
    name: "a use is dated ahead of the clock",
    laws: ["E4"],
    edits: [
      edit(
        "src/engine/session-life.ts",
        "live.envelope = { ...envelope, touchedAtMs: nowMs };",
        "live.envelope = { ...envelope, touchedAtMs: nowMs + 60_000 };",
      ),
    ],
  },
  {
    name: "a session is idle after half of its timeout",
    laws: ["E9", "E6", "R4"],
    edits: [
      edit(
        "src/engine/verdict.ts",
        'if (nowMs >= touchedAtMs + idleTimeoutMs) return "idle";',
        'if (nowMs >= touchedAtMs + idleTimeoutMs / 10) return "idle";',
      ),
    ],
  },
  {
    name: "no session is ever idle",
    laws: ["E5"],
    edits: [edit("src/engine/verdict.ts", 'if (nowMs >= touchedAtMs + idleTimeoutMs) return "idle";', "")],
    test: {
      project: "property",
      file: "test/property/envelope.property.test.ts",
      title: "[E5] the verdict is always ended, idle or alive by its rule",
    },
  },
  {
    name: "a session that goes on under another id begins empty",
    laws: ["E12", "AK1", "AK2", "RW6"],
    edits: [
      edit(
        "src/engine/session-life.ts",
        "return from === undefined\n      ? SessionDocument.create",
        "return from !== undefined || from === undefined\n      ? SessionDocument.create",
      ),
    ],
    options: { mix: { rotate: 30 } },
  },
  {
    name: "what is written to a rotated session stays there",
    laws: ["AK1", "AK2"],
    edits: [
      edit(
        "src/engine/succession.ts",
        "if (successor === undefined || document === undefined || successor.key === key) return;",
        "return;",
      ),
    ],
    test: {
      project: "integration",
      file: "test/integration/adapters/rotation-grace.test.ts",
      title: "[A28] what a request writes that began before the rotation",
    },
  },
  {
    name: "who is told that a session is over is told it alone",
    laws: ["E6"],
    edits: [
      edit(
        "src/engine/engine.ts",
        "if (live.envelope.ended === undefined) {",
        "if (live.envelope.ended === undefined && live.envelope.successor !== undefined) {",
      ),
    ],
    test: {
      project: "unit",
      file: "src/engine/registry.test.ts",
      title: "[E6] a request that is told expired ends the session finally, everywhere",
    },
  },
  {
    name: "a revocation does not end what was given before it",
    laws: ["E11"],
    edits: [
      edit(
        "src/engine/verdict.ts",
        'if (ended !== undefined || nowMs >= deadlineMs) return "ended";\n  if (subject !== undefined && subjectAtMs <= (revocations.get(subject) ?? -1)) return "ended";',
        'if (ended !== undefined || nowMs >= deadlineMs) return "ended";',
      ),
    ],
    // Whoever revokes also ends each session that it knows: the simulator rarely finds one that only the register reaches.
    test: {
      project: "unit",
      file: "src/engine/subjects.test.ts",
      title: "[E11] a revocation kills a session of its subject that comes in later",
    },
  },
  {
    name: "a revocation that comes from elsewhere does not count",
    laws: ["E16"],
    message: "revoke",
    edits: [edit("src/engine/replica.ts", "return await this.#host.revoking.receive(subject, notBeforeMs);", "return false;")],
    test: { project: "unit", file: "src/engine/revoking.test.ts", title: "[E16] one that was received is news once" },
  },
  {
    name: "a commit that was discarded is written all the same",
    laws: ["SY8"],
    alone: "SY8",
    edits: [
      edit(
        "src/engine/open-session.ts",
        'this.#engine.committed(live, isEnvelopeChange ? undefined : change);\n    return "committed";',
        'this.#engine.committed(live, isEnvelopeChange ? undefined : change);\n    return "discarded";',
      ),
    ],
  },
  {
    name: "a listener that throws stops what it hears of",
    laws: ["N2", "crash"],
    alone: "N2",
    edits: [edit("src/engine/event-hub.ts", "calmly(() => listener(event))", "listener(event)")],
  },
  {
    name: "changes from elsewhere are told to no listener",
    laws: ["N1"],
    edits: [
      edit(
        "src/engine/observers.ts",
        "const now = view();\n    if (now === undefined) return;\n    if (isWanted)",
        'if (origin === "remote") return;\n    const now = view();\n    if (now === undefined) return;\n    if (isWanted)',
      ),
    ],
  },
  byTestsOf("E1", "src/engine/envelope.test.ts", "of two ends the later is the one told", [
    edit("src/engine/envelope.ts", "return left.atMs < right.atMs ? left : right;", "return left.atMs > right.atMs ? left : right;"),
  ]),
  byTestsOf("E7", "src/engine/engine.test.ts", "of two idle timeouts the longer counts", [
    edit("src/engine/envelope.ts", "return left.idleTimeoutStamp - right.idleTimeoutStamp || left", "return left"),
  ]),
  byTestsOf("E10", "src/engine/session-life.test.ts", "an id is of a session that lives for ever", [
    edit(
      "src/engine/session-id.ts",
      "overAtMs: bornAtMs + lifeMinutes * MINUTE_MS };",
      "overAtMs: bornAtMs + 1_000 * lifeMinutes * MINUTE_MS };",
    ),
  ]),
  byTestsOf("E13", "src/engine/subjects.test.ts", "a session that goes on under another key begins its life anew", [
    edit(
      "src/engine/session-life.ts",
      "Math.min(createdAtMs + birth.absoluteTimeoutMs, latestMs)",
      "Math.max(createdAtMs + birth.absoluteTimeoutMs, latestMs)",
    ),
  ]),
  byTestsOf("E14", "src/engine/subjects.test.ts", "lists give what is over, too", [
    edit("src/engine/engine.ts", 'if (envelope.successor === undefined && this.#life.verdictOf(envelope) === "alive") yield', "yield"),
  ]),
  byTestsOf("E15", "src/engine/revoking.test.ts", "who observes a session hears nothing of a revocation elsewhere", [
    edit("src/engine/revoking.ts", 'ending.endLive(live, "revoked").catch(() => undefined);', "void ending;"),
  ]),
  byTestsOf("E18", "src/engine/revoking.test.ts", "a revocation from a fast clock is refused", [
    edit("src/engine/revoking.ts", "|| aheadMs > ABSOLUTE_TIMEOUT_MAX_MS)", "|| aheadMs > epsilonMs)"),
  ]),
  byTestsOf("E12", "src/engine/subjects.test.ts", "who comes with the old id gets the old session", [
    edit(
      "src/engine/succession.ts",
      "for (let hops = 0; live?.envelope.successor !== undefined && ",
      "for (let hops = 0; live?.envelope.successor !== undefined && hops < 0 && ",
    ),
  ]),
  byTestsOf("E9", "test/property/envelope.property.test.ts", "a session is idle a minute early", [
    edit(
      "src/engine/verdict.ts",
      'if (nowMs >= touchedAtMs + idleTimeoutMs) return "idle";',
      'if (nowMs >= touchedAtMs + idleTimeoutMs - 60_000) return "idle";',
    ),
  ]),
];
