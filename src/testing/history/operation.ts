/** What a session of the load holds, as a response shows it. */
export interface View {
  /** The label that the session was created with; undefined where the node showed an empty session. */
  readonly born?: string | undefined;
  readonly visits?: number | undefined;
  readonly log?: readonly string[] | undefined;
  /** Registers `r0`, `r1`, …: the ids of the operations that wrote them. */
  readonly [register: string]: unknown;
}

/**
 * `create`, `set`, `push`, `add` write; `login` gives a new id and keeps the data; `logout` ends; `read` shows; `ghost` is a read with
 * credentials that are over; `final` is a read of one node after everything was healed, without what the browser has seen before.
 */
export type OperationKind = "create" | "set" | "push" | "add" | "login" | "logout" | "read" | "ghost" | "final";

/**
 * `ok` it happened; `fail` it did not; `info` nobody knows (a timeout, a broken connection, ACKS_MISSING): it may take effect at any later time, or
 * never. An unknown outcome is never counted as a success, and so is an operation that has no end line.
 */
export type Outcome = "ok" | "fail" | "info";

/**
 * One line of a history file, as JSON: an operation begins, or ends; a probe; a fault begins, or ends. Times are milliseconds of one clock for all
 * lines; ids of operations are numbers, each once in all files of a history.
 */
export type HistoryLine = InvokeLine | EndLine | ProbeLine | FaultLine;

export interface InvokeLine {
  readonly type: "invoke";
  readonly id: number;
  readonly atMs: number;
  readonly kind: OperationKind;
  /** Label of the session: it stays the same when the id is rotated. */
  readonly session: string;
  readonly node: string;
  /** Register of a `set`. */
  readonly name?: string;
  /** Of a `ghost`: the operation that ended its credentials, and was told so. */
  readonly endedBy?: number;
}

export interface EndLine {
  readonly type: Outcome;
  readonly id: number;
  readonly atMs: number;
  /** HTTP status; 0 where there was no response. */
  readonly status: number;
  /** Of the body of an error, or of the connection. */
  readonly code?: string;
  readonly view?: View;
  /** The response brought another session cookie than the one that was sent. */
  readonly hasNewId?: boolean;
}

/** How long a write on one node took to be readable on the others. `ms` is null where it was not within the probe's patience. */
export interface ProbeLine {
  readonly type: "probe";
  readonly atMs: number;
  readonly node: string;
  readonly ms: number | null;
}

/** Begin and end of a fault. */
export type FaultLine = FaultDescription & ({ readonly type: "fault" } | { readonly type: "heal" });

interface FaultDescription {
  readonly atMs: number;
  readonly name: string;
  /** Whether nodes could not hear of each other: then they may serve what they know, until they can. Kept by `fault`. */
  readonly isolates: boolean;
  /** Nodes that answer no requests, or errors, meanwhile: killed, stopped, draining. */
  readonly nodes: readonly string[];
}

/** Shared clock of all processes of a run: the wall clock as it was when this process started, going on evenly. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
