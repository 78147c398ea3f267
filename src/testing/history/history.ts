import { readFileSync } from "node:fs";
import type { FaultLine, HistoryLine, InvokeLine, OperationKind, Outcome, ProbeLine, View } from "./operation.ts";

/** An operation with its end. What never ended is `info`, with an end at infinity. */
export interface Operation {
  readonly id: number;
  readonly kind: OperationKind;
  readonly session: string;
  readonly node: string;
  readonly name: string | undefined;
  readonly endedBy: number | undefined;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
  /** When the browser had its answer, or gave up. */
  readonly toldAtMs: number;
  readonly outcome: Outcome;
  readonly status: number;
  readonly code: string | undefined;
  readonly view: View | undefined;
  readonly hasNewId: boolean;
}

/** A fault from its beginning to its heal. */
export interface FaultWindow {
  readonly name: string;
  readonly isolates: boolean;
  readonly nodes: readonly string[];
  readonly beganAtMs: number;
  readonly healedAtMs: number;
}

export interface History {
  /** In the order in which they began. */
  readonly operations: readonly Operation[];
  readonly probes: readonly ProbeLine[];
  readonly faults: readonly FaultWindow[];
}

/** Lines of all these files, which have one clock. Half a line at the end of one is left out: its process was killed. */
export function readHistory(files: readonly string[]): History {
  return historyOf(files.flatMap((file) => parse(readFileSync(file, "utf8"))));
}

/** A process that was killed may have left half a line at the end. */
function parse(text: string): HistoryLine[] {
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as HistoryLine);
}

/** @throws Error where an end has no beginning: such a history proves nothing. */
export function historyOf(lines: readonly HistoryLine[]): History {
  const operations = new Map<number, Operation>();
  const probes: ProbeLine[] = [];
  const faults: FaultWindow[] = [];
  for (const line of lines) {
    if (line.type === "probe") probes.push(line);
    else if (line.type === "invoke") operations.set(line.id, begun(line));
    else if (line.type === "fault") faults.push({ ...windowOf(line), beganAtMs: line.atMs, healedAtMs: Infinity });
    else if (line.type === "heal") heal(faults, line);
    else {
      const operation = operations.get(line.id);
      if (operation === undefined) throw new Error(`an end without a beginning: ${line.id}`);
      operations.set(line.id, {
        ...operation,
        // An unknown outcome may still take effect at any time later.
        endedAtMs: line.type === "info" ? Infinity : line.atMs,
        toldAtMs: line.atMs,
        outcome: line.type,
        status: line.status,
        code: line.code,
        view: line.view,
        hasNewId: line.hasNewId ?? false,
      });
    }
  }
  return { operations: [...operations.values()].sort((left, right) => left.beganAtMs - right.beganAtMs), probes, faults };
}

function begun({ id, kind, session, node, name, endedBy, atMs }: InvokeLine): Operation {
  return {
    id,
    kind,
    session,
    node,
    name,
    endedBy,
    beganAtMs: atMs,
    endedAtMs: Infinity,
    toldAtMs: Infinity,
    outcome: "info",
    status: 0,
    code: undefined,
    view: undefined,
    hasNewId: false,
  };
}

function heal(faults: FaultWindow[], { name, atMs }: FaultLine): void {
  const open = faults.findIndex((each) => each.name === name && each.healedAtMs === Infinity);
  const fault = faults[open];
  if (fault === undefined) throw new Error(`a heal without its fault: ${name}`);
  faults[open] = { ...fault, healedAtMs: atMs };
}

function windowOf({ name, isolates, nodes }: FaultLine): Pick<FaultWindow, "name" | "isolates" | "nodes"> {
  return { name, isolates, nodes };
}

/** The operations of each session. */
export function bySession(operations: readonly Operation[]): Map<string, Operation[]> {
  const sessions = new Map<string, Operation[]>();
  for (const operation of operations) {
    const own = sessions.get(operation.session);
    if (own === undefined) sessions.set(operation.session, [operation]);
    else own.push(operation);
  }
  return sessions;
}
