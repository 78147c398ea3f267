import { IDLE } from "./envelope-mutants.ts";
import { edit, type SourceMutant } from "./mutant.ts";

const CALM = {
  troubles: {
    cut: 0,
    oneWayCut: 0,
    partition: 0,
    ring: 0,
    reset: 0,
    stall: 0,
    suspend: 0,
    crashNode: 0,
    crashRelay: 0,
    stop: 0,
    deploy: 0,
    clockJump: 0,
    clockSkew: 0,
    slow: 5,
    compact: 5,
  },
} as const;
const PAGES = { browsers: 6, mix: { page: 200, write: 20, read: 20, create: 5 } } as const;

/** Faults that one law of the simulator's checkers tells of, and no other, from the beginning of a world to its end. */
export const ALONE_MUTANTS: readonly SourceMutant[] = [
  {
    name: "a logout is answered with an error of the program",
    laws: ["A21"],
    alone: "A21",
    edits: [
      edit(
        "src/adapters/http/request-session.ts",
        'await this.#bounded(Promise.all(keys.map((key) => this.#settings.engine.end(key, "destroyed"))));',
        'await this.#bounded(Promise.all(keys.map((key) => this.#settings.engine.end(key, "destroyed"))));\n    throw new TypeError("a mutant");',
      ),
    ],
    options: { ...PAGES, ...CALM },
  },
  {
    name: "of two values of one key the earlier counts",
    laws: ["D2"],
    alone: "D2",
    edits: [
      edit(
        "src/engine/cells.ts",
        "if (left.stamp !== right.stamp) return left.stamp - right.stamp;",
        'if (left.stamp !== right.stamp) return left.property === "p0" ? right.stamp - left.stamp : left.stamp - right.stamp;',
      ),
    ],
  },
  {
    name: "elements that are inserted have one id",
    laws: ["D8"],
    alone: "D8",
    edits: [edit("src/engine/containers.ts", "`i\\0${writer}\\0${stamp}\\0${index}`", "`i\\0${writer < stamp ? 0 : 1}\\0${index}`")],
  },
  {
    name: "compaction drops a key of a map",
    laws: ["D18"],
    alone: "D18",
    edits: [
      edit(
        "src/engine/compaction.ts",
        "if (cell.kind === CellKind.position &&",
        'if (cell.property === "p0") continue;\n      if (cell.kind === CellKind.position &&',
      ),
    ],
  },
  {
    name: "who is told that a session is idle is told it by one process alone",
    laws: ["E6"],
    alone: "E6",
    edits: [
      edit(
        "src/engine/engine.ts",
        "if (live.envelope.ended === undefined) {",
        "if (live.envelope.ended === undefined && live.envelope.successor !== undefined) {",
      ),
    ],
    options: IDLE,
  },
  {
    name: "a response does not tell what it wrote",
    laws: ["RW6"],
    alone: "RW6",
    edits: [edit("src/adapters/http/seen-exchange.ts", "dot: held.hasCommitted ? held.open.written : undefined,", "dot: undefined,")],
    options: { ...PAGES, ...CALM },
  },
  {
    name: "a node that goes says it in a frame that nobody knows",
    laws: ["SY2"],
    alone: "SY2",
    message: "drain",
    edits: [edit("src/sync/holder.ts", "this.send(encodeDrain());", "this.send(new Uint8Array([250]));")],
    options: { troubles: { stop: 30, deploy: 30 } },
  },
  {
    name: "a peer that is heard is given up all the same",
    laws: ["SY4"],
    alone: "SY4",
    edits: [
      edit(
        "src/sync/link-state.ts",
        'if (event.kind === "heard") return { ...state, deadAtMs: nowMs + DEAD_AFTER_MS };',
        'if (event.kind === "heard") return state;',
      ),
    ],
    options: CALM,
  },
];
