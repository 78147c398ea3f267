import { describe, expect, it } from "vitest";
import { checkAcked } from "./check-acked.ts";
import { checkAvailability } from "./check-availability.ts";
import { checkEnds } from "./check-ends.ts";
import { checkHistory } from "./check-history.ts";
import { checkIdentity } from "./check-identity.ts";
import { calmProbes, checkProbes, percentile } from "./check-probes.ts";
import { checkReads } from "./check-reads.ts";
import { historyOf } from "./history.ts";
import type { EndLine, HistoryLine, InvokeLine, View } from "./operation.ts";

const NODES = ["a", "b"];
/** An operation at second `at` that took 0.1 s. */
interface Line {
  readonly id: number;
  readonly at: number;
  readonly kind: InvokeLine["kind"];
  readonly node?: string;
  readonly session?: string;
  readonly name?: string;
  readonly endedBy?: number;
  /** Default ok; undefined for one that never ended. */
  readonly type?: EndLine["type"] | "open";
  readonly status?: number;
  readonly code?: string;
  readonly view?: View;
  readonly hasNewId?: boolean;
}

function operation({ id, at, kind, node = "a", session = "s", name, endedBy, type = "ok", ...end }: Line): HistoryLine[] {
  const atMs = at * 1000;
  const invoke: InvokeLine = {
    type: "invoke",
    id,
    atMs,
    kind,
    session,
    node,
    ...(name === undefined ? {} : { name }),
    ...(endedBy === undefined ? {} : { endedBy }),
  };
  if (type === "open") return [invoke];
  return [invoke, { type, id, atMs: atMs + 100, status: type === "ok" ? 200 : 0, ...end }];
}

function fault(beganAt: number, healedAt: number, isolates: boolean, nodes: readonly string[] = []): HistoryLine[] {
  return [
    { type: "fault", atMs: beganAt * 1000, name: "f", isolates, nodes },
    { type: "heal", atMs: healedAt * 1000, name: "f", isolates, nodes },
  ];
}

const born = { born: "s" };
const CREATED: Line = { id: 1, at: 0, kind: "create", view: born };
const WRITES: readonly Line[] = [
  { id: 2, at: 1, kind: "push", view: born },
  { id: 3, at: 2, kind: "add", view: born },
  { id: 4, at: 3, kind: "set", name: "r0", view: born },
];
const GOOD: View = { born: "s", log: ["2"], visits: 1, r0: 4 };
const history = (...lines: readonly (Line | HistoryLine[])[]) =>
  historyOf(lines.flatMap((line) => (Array.isArray(line) ? line : operation(line))));
const finals = (...views: readonly View[]): Line[] =>
  views.map((view, index) => ({ id: 90 + index, at: 90, kind: "final", node: NODES[index] ?? "", view }));

describe("acknowledged writes", () => {
  const check = (...lines: readonly Line[]) => checkAcked(history(...lines), NODES);

  it("passes where all of them are on every node", () => {
    expect(check(CREATED, ...WRITES, ...finals(GOOD, GOOD))).toMatchObject({
      violations: [],
      counts: { ackedWrites: 4, ackedWritesChecked: 4, sessionsChecked: 1 },
    });
  });

  it.each<[string, View]>([
    ["a push is missing", { ...GOOD, log: [] }],
    ["a push is there twice", { ...GOOD, log: ["2", "2"] }],
    ["a push that nobody made is there", { ...GOOD, log: ["2", "7"] }],
    ["an increment is missing", { ...GOOD, visits: 0 }],
    ["an increment counts twice", { ...GOOD, visits: 2 }],
    ["a register is missing", { born: "s", log: ["2"], visits: 1 }],
    ["a register shows what nobody wrote", { ...GOOD, r0: 9 }],
  ])("fails where %s, on all nodes or on one", (_what, view) => {
    expect(check(CREATED, ...WRITES, ...finals(view, view)).counts["lostAcked"]).toBe(2);
    const one = check(CREATED, ...WRITES, ...finals(GOOD, view));
    expect(one.counts).toMatchObject({ lostAcked: 1, diverged: 1 });
  });

  it("fails where a register shows the earlier of two writes, and lets either win that overlapped or may come late", () => {
    const later: Line = { id: 5, at: 4, kind: "set", name: "r0", view: born };
    expect(check(CREATED, ...WRITES, later, ...finals(GOOD, GOOD)).counts["lostAcked"]).toBe(2);
    expect(check(CREATED, ...WRITES, { ...later, at: 3.05 }, ...finals(GOOD, GOOD)).violations).toEqual([]);
    const unknown = WRITES.map((write) => (write.id === 4 ? { ...write, type: "info" as const } : write));
    expect(check(CREATED, ...unknown, later, ...finals(GOOD, GOOD)).violations).toEqual([]);
  });

  it("[T4] lets a write of unknown outcome be there or not, and fails where one is that was refused", () => {
    const unknown: Line = { id: 5, at: 5, kind: "push", type: "info", code: "TIMEOUT" };
    const with5 = { ...GOOD, log: ["2", "5"] };
    for (const view of [GOOD, with5]) expect(check(CREATED, ...WRITES, unknown, ...finals(view, view)).violations).toEqual([]);
    for (const view of [GOOD, with5])
      expect(check(CREATED, ...WRITES, { ...unknown, type: "open" }, ...finals(view, view)).violations).toEqual([]);
    expect(check(CREATED, ...WRITES, { ...unknown, type: "fail" }, ...finals(with5, with5)).violations).not.toEqual([]);
  });

  it("fails where a living session cannot be read in the end, or nobody looked", () => {
    const [first, second] = finals(GOOD, GOOD) as [Line, Line];
    expect(check(CREATED, ...WRITES, first).violations).toHaveLength(1);
    expect(check(CREATED, ...WRITES, first, { ...second, view: {} }).violations).toHaveLength(1);
    expect(check(CREATED, ...WRITES, first, { ...second, type: "info", status: 503 }).violations).toHaveLength(1);
  });

  it("does not look at sessions that nobody can read: logged out, or with an id that nobody was told", () => {
    for (const end of [
      { id: 8, at: 8, kind: "logout" },
      { id: 8, at: 8, kind: "logout", type: "info" },
      { id: 8, at: 8, kind: "login", type: "info" },
    ] as const)
      expect(check(CREATED, ...WRITES, end)).toMatchObject({ violations: [], counts: { sessionsChecked: 0, ackedWrites: 4 } });
    expect(check(CREATED, ...WRITES, { id: 8, at: 8, kind: "logout", type: "fail" }).violations).toHaveLength(2);
  });
});

describe("read your writes", () => {
  const read = (at: number, view: View = { born: "s" }): Line => ({ id: 50, at, kind: "read", node: "b", view });
  const check = (...lines: readonly (Line | HistoryLine[])[]) => checkReads(history(CREATED, ...WRITES, ...lines));

  it("passes where each read shows what was written before, and counts those of another node", () => {
    expect(check(read(5, GOOD))).toEqual({
      violations: [],
      counts: { readsChecked: 1, crossNodeReads: 1, staleReads: 0, staleExcused: 0 },
    });
  });

  it.each<[string, View]>([
    ["a push", { ...GOOD, log: [] }],
    ["an increment", { ...GOOD, visits: 0 }],
    ["a register", { born: "s", log: ["2"], visits: 1 }],
  ])("fails where a later read lacks %s", (_what, view) => {
    expect(check(read(5, view)).counts["staleReads"]).toBe(1);
    expect(check(read(5, view)).violations).toHaveLength(1);
  });

  it("fails where a read shows what was written after it ended", () => {
    expect(check(read(2.5, { born: "s", log: ["2"], visits: 1, r0: 4 })).violations).not.toEqual([]);
  });

  it("allows very few that the node itself told to be behind", () => {
    const reads = Array.from({ length: 200 }, (_, index) => ({ ...read(20 + index, GOOD), id: 1000 + index }));
    const stale = read(5, { ...GOOD, visits: 0 });
    const checked = history(CREATED, ...WRITES, ...reads, stale);
    expect(checkReads(checked, 1).violations).toEqual([]);
    expect(checkReads(checked, 0).violations).toHaveLength(1);
    expect(checkReads(history(CREATED, ...WRITES, stale), 1).violations).toHaveLength(1);
  });

  it("asks nothing of a read that began before the response was there, or of one that failed", () => {
    expect(check(read(1.05)).violations).toEqual([]);
    expect(check({ ...read(5), type: "info", status: 503 }).counts["readsChecked"]).toBe(0);
  });

  it("excuses what was written while nodes could not hear of each other, until they could and had time", () => {
    const stale = { born: "s", log: ["2"], visits: 1 };
    expect(check(fault(2.9, 10, true), read(9, stale))).toMatchObject({ violations: [], counts: { staleExcused: 1 } });
    expect(check(fault(2.9, 10, true), read(13, stale)).violations).toHaveLength(1);
    expect(check(fault(2.9, 10, false), read(9, stale)).violations).toHaveLength(1);
    // What had spread before the fault stays.
    expect(check(fault(6, 10, true), read(9, stale)).violations).toHaveLength(1);
  });
});

describe("what ended", () => {
  const logout: Line = { id: 8, at: 8, kind: "logout" };
  const ghost = (at: number, view: View = {}): Line => ({ id: 100 + at, at, kind: "ghost", node: "b", endedBy: 8, view });
  const check = (...lines: readonly (Line | HistoryLine[])[]) => checkEnds(history(CREATED, ...lines));

  it("passes where it is refused", () => {
    expect(check(logout, ghost(10), ghost(60))).toMatchObject({ violations: [], counts: { ends: 1, ghosts: 2, resurrected: 0 } });
  });

  it("fails where it is served, after a logout or with an id that was rotated", () => {
    expect(check(logout, ghost(10, born)).counts["resurrected"]).toBe(1);
    expect(check({ ...logout, kind: "login", view: born }, ghost(10, born)).counts["resurrected"]).toBe(1);
  });

  it("allows a node that could not hear of it, until it could; never one that had refused it", () => {
    expect(check(logout, fault(7, 20, true), ghost(15, born))).toMatchObject({ violations: [], counts: { ghostsServedInIsolation: 1 } });
    expect(check(logout, fault(7, 20, true), ghost(23, born)).counts["resurrected"]).toBe(1);
    expect(check(logout, fault(7, 20, false), ghost(15, born)).counts["resurrected"]).toBe(1);
    expect(check(logout, fault(12, 20, true), ghost(15, born)).counts["resurrected"]).toBe(1);
    expect(check(logout, fault(7, 20, true), ghost(10), ghost(15, born)).counts["resurrected"]).toBe(1);
  });
});

describe("one id throughout", () => {
  const check = (line: Line) => checkIdentity(history(CREATED, line));
  const read: Line = { id: 5, at: 5, kind: "read", view: born };

  it("passes where every answer is of the session", () => {
    expect(check(read)).toEqual({ violations: [], counts: { liveAnswers: 1, newIds: 0, blanks: 0 } });
    expect(check({ ...read, kind: "login", hasNewId: true }).violations).toEqual([]);
    expect(check({ ...read, type: "info", status: 503, code: "SESSION_UNAVAILABLE" }).violations).toEqual([]);
  });

  it.each<[string, Partial<Line>]>([
    ["a new id", { hasNewId: true }],
    ["an empty session", { view: {} }],
    ["another session", { view: { born: "t" } }],
    ["the news that it ended", { type: "fail", status: 409, code: "SESSION_ENDED" }],
    ["the news that it was rotated", { type: "fail", status: 409, code: "SESSION_ROTATED" }],
  ])("fails where it is answered with %s", (_what, change) => {
    expect(check({ ...read, ...change }).violations).toHaveLength(1);
  });
});

describe("errors of the server", () => {
  const check = (...lines: readonly (Line | HistoryLine[])[]) => checkAvailability(history(...lines));
  const failed: Line = { id: 5, at: 5, kind: "read", type: "info", status: 500, code: "INVARIANT_BROKEN" };
  const honest: Line = { ...failed, status: 503, code: "ACKS_MISSING" };
  const silent: Line = { ...failed, status: 0, code: "TIMEOUT" };

  it("fails at any 5xx and at any silence without a fault", () => {
    for (const line of [failed, silent]) expect(check(line).violations).toHaveLength(1);
    expect(check({ ...failed, type: "open" }).violations).toHaveLength(1);
  });

  it("allows a few honest refusals in very many answers without a fault, not more", () => {
    const answers = (count: number): Line[] =>
      Array.from({ length: count }, (_, index) => ({ id: 1000 + index, at: index, kind: "read", view: born }));
    expect(check(...answers(200), honest).violations).toEqual([]);
    expect(check(...answers(199), honest).violations).toHaveLength(1);
  });

  it("allows an honest refusal while something is wrong; anything from the node that is down; and nothing else", () => {
    expect(check(honest, fault(4, 6, true)).violations).toEqual([]);
    expect(check(honest, fault(7, 8, true)).violations).toHaveLength(1);
    expect(check(honest, fault(1, 2, true)).violations).toHaveLength(1);
    for (const line of [failed, silent]) {
      expect(check(line, fault(4, 6, true)).violations).toHaveLength(1);
      expect(check(line, fault(4, 6, false, ["b"])).violations).toHaveLength(1);
      expect(check(line, fault(4, 6, false, ["a"])).violations).toEqual([]);
    }
  });

  it("[T4] counts none of them as an answer", () => {
    expect(check(failed, fault(4, 6, true, ["a"])).counts).toMatchObject({ answers: 0, serverErrors: 1 });
  });
});

describe("how fast it spreads", () => {
  const probe = (at: number, ms: number | null): HistoryLine[] => [{ type: "probe", atMs: at * 1000, node: "a", ms }];

  it("counts what was measured without a fault near", () => {
    const measured = history(probe(1, 10), probe(5, 500), probe(20, 30), fault(4, 6, true));
    expect(calmProbes(measured)).toEqual([10, 30]);
    expect(checkProbes(measured).violations).toEqual([]);
  });

  it("fails where a write was not seen elsewhere", () => {
    expect(checkProbes(history(probe(1, null))).violations).toHaveLength(1);
  });

  it("gives percentiles by nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(hundred, 0.99), percentile(hundred, 0.5), percentile([7], 0.99)]).toEqual([99, 50, 7]);
    expect(percentile([], 0.99)).toBeNaN();
  });
});

describe("a history", () => {
  it("[T4] with too little in it fails, and says what is missing", () => {
    const { violations } = checkHistory(history(CREATED, ...WRITES, ...finals(GOOD, GOOD)), { nodes: NODES });
    for (const name of ["faults", "ackedWritesChecked", "crossNodeReads", "ghosts"])
      expect(violations.join("\n")).toContain(`too little happened: ${name}`);
  });

  it("refuses lines that do not belong together", () => {
    expect(() => historyOf([{ type: "ok", id: 1, atMs: 0, status: 200 }])).toThrow(/without a beginning/);
    expect(() => historyOf([{ type: "heal", name: "f", atMs: 0, isolates: true, nodes: [] }])).toThrow(/without its fault/);
  });
});
