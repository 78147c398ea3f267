import { edit, type SourceMutant } from "./mutant.ts";

const ACKED = { alone: "refuse", acks: 1, degraded: "serve" } as const;

/** When a session lives: ends, touches, timeouts, the clock. */
export const ENVELOPE_MUTANTS: readonly SourceMutant[] = [
  {
    name: "the verdict skips the ended check",
    laws: ["E8", "E6", "E2"],
    guard: "R1",
    edits: [
      edit(
        "src/engine/verdict.ts",
        'if (ended !== undefined || nowMs >= deadlineMs) return "ended";',
        'if (ended === undefined && nowMs >= deadlineMs) return "ended";',
      ),
    ],
  },
  {
    name: "an end is forgotten a second later",
    laws: ["E8", "E6", "D1", "SY21"],
    guard: "R1",
    edits: [edit("src/engine/session-times.ts", "if (ended !== undefined) return goneMs;", "if (ended !== undefined) return ended.atMs + 1_000;")],
    options: { mix: { end: 30 }, troubles: { partition: 30, suspend: 20, cut: 20 } },
  },
  {
    name: "an end that comes from elsewhere does not count",
    laws: ["E8", "E6"],
    guard: "R1",
    edits: [
      edit(
        "src/engine/envelope.ts",
        "const ended = earlier(left.ended, right.ended, (end) => end.reason);",
        "const { ended } = left;",
      ),
    ],
  },
  {
    name: "what a slow request still holds comes back over the tombstone",
    laws: ["E2", "E8", "INVARIANT"],
    guard: "R2",
    edits: [
      edit("src/engine/registry.ts", "const current = this.#current(session.key);\n    if (current !== undefined) return current;", "const current = this.#hot.get(session.key);\n    if (current !== undefined) return current;"),
    ],
    options: { browsers: 6, mix: { end: 40, write: 60 }, world: { nodes: 2, engine: { limits: { hotCount: 2 } } } },
  },
  {
    name: "a copy on an old disk is served without asking whether it still is",
    laws: ["R16"],
    guard: "R5",
    edits: [
      edit(
        "src/engine/registry.ts",
        'if (isUnconfirmed && !isComplete(fetched) && this.#options.alone?.() === "refuse") throw unconfirmed();',
        "",
      ),
    ],
    test: { project: "unit", file: "src/engine/join-barrier.test.ts", title: "is refused with alone: refuse when not all of them could be asked" },
  },
  {
    name: "a process starts with its wall clock, whatever the mark on its disk says",
    laws: ["K5"],
    guard: "R7",
    edits: [edit("src/engine/engine.ts", "this.sessionStore.highWaterMs?.()", "undefined")],
    test: { project: "unit", file: "src/engine/engine-clock.test.ts", title: "holds for the engine after it, whatever its machine's clock says" },
  },
  {
    name: "a relay that starts again forgets the ends that lie on its disk",
    laws: ["E8", "E6", "D1", "R19"],
    guard: "R9",
    edits: [
      edit(
        "src/engine/registry.ts",
        "if (ended !== undefined) this.#ended.set(envelope, atMs);\n    else if",
        "if (ended !== undefined) return false;\n    else if",
      ),
    ],
    options: { mix: { end: 30 }, world: { relays: 1, relayDisks: true, sync: ACKED }, troubles: { crashRelay: 40, crashNode: 30, partition: 20 } },
  },
  {
    name: "of two touches the one that came last counts",
    laws: ["E3"],
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
        "if (live !== undefined && !this.#isAhead(key, touchedAtMs)) live.takeTouch(touchedAtMs);",
        "if (live !== undefined) live.takeTouch(Math.min(touchedAtMs, this.#host.nowMs() + this.#host.epsilonMs));",
      ),
    ],
    test: { project: "unit", file: "src/engine/engine.test.ts", title: "[E4] one dated more than ε ahead is refused and told" },
  },
  {
    name: "a use is dated ahead of the clock",
    laws: ["E4"],
    edits: [
      edit("src/engine/engine.ts", "live.envelope = { ...envelope, touchedAtMs: nowMs };", "live.envelope = { ...envelope, touchedAtMs: nowMs + 60_000 };"),
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
    options: { mix: { read: 60, write: 5, create: 1, end: 1 }, browsers: 40, world: { engine: { idleTimeoutMs: 8_000 } } },
  },
  {
    name: "who is told that a session is over is told it alone",
    laws: ["E6", "E8", "D1"],
    edits: [
      edit(
        "src/engine/engine.ts",
        "if (live.envelope.ended === undefined) {",
        "if (live.envelope.ended === undefined && live.envelope.successor !== undefined) {",
      ),
    ],
    options: { mix: { read: 60, write: 20 }, browsers: 30, world: { engine: { idleTimeoutMs: 8_000 } } },
  },
  {
    name: "a session that goes on under another id begins empty",
    laws: ["E12"],
    edits: [
      edit("src/engine/engine.ts", "return from === undefined\n      ? SessionDocument.create", "return from !== undefined || from === undefined\n      ? SessionDocument.create"),
    ],
    options: { mix: { rotate: 30 } },
  },
  {
    name: "what is written to a rotated session stays there",
    laws: ["AK1", "AK2"],
    edits: [edit("src/engine/succession.ts", "if (successor === undefined || document === undefined || successor.key === key) return;", "return;")],
    test: { project: "integration", file: "test/integration/adapters/rotation-grace.test.ts", title: "[A28] what a request writes that began before the rotation" },
  },
  {
    name: "a revocation does not end what was given before it",
    laws: ["E8"],
    edits: [
      edit(
        "src/engine/verdict.ts",
        'if (ended !== undefined || nowMs >= deadlineMs) return "ended";\n  if (subject !== undefined && subjectAtMs <= (revocations.get(subject) ?? -1)) return "ended";',
        'if (ended !== undefined || nowMs >= deadlineMs) return "ended";',
      ),
    ],
    options: { mix: { login: 30, revoke: 10 } },
  },
  {
    name: "a commit that was discarded is written all the same",
    laws: ["SY8"],
    edits: [edit("src/engine/open-session.ts", "this.#engine.committed(live, isEnvelopeChange ? undefined : change);\n    return \"committed\";", "this.#engine.committed(live, isEnvelopeChange ? undefined : change);\n    return \"discarded\";")],
  },
  {
    name: "a listener that throws stops what it hears of",
    laws: ["N2", "crash"],
    edits: [edit("src/engine/event-hub.ts", "calmly(() => listener(event))", "listener(event)")],
  },
  {
    name: "changes from elsewhere are told to no listener",
    laws: ["N1"],
    edits: [edit("src/engine/observers.ts", "const now = view();\n    if (now === undefined) return;\n    if (isWanted)", 'if (origin === "remote") return;\n    const now = view();\n    if (now === undefined) return;\n    if (isWanted)')],
  },
];
