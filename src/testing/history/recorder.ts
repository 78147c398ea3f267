import { closeSync, openSync, writeSync } from "node:fs";
import type { EndLine, HistoryLine, InvokeLine } from "./operation.ts";
import { nowMs } from "./operation.ts";

type Distributed<Line, Key extends PropertyKey> = Line extends unknown ? Omit<Line, Key> : never;

/** Writes one history file. Each line is with the kernel when the call returns: what was recorded outlives this process. */
export class HistoryRecorder {
  readonly #file: number;
  #lastId = 0;

  /** `path`: a file that is made anew. */
  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  /** Known before the operation is recorded: it is part of the request. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Before the request leaves. */
  begin(line: Omit<InvokeLine, "type" | "atMs">): void {
    this.note({ type: "invoke", ...line });
  }

  /** When its answer is here, or it was given up: `type: "info"` where nobody can know whether it happened. */
  end(line: Omit<EndLine, "atMs">): void {
    this.note(line);
  }

  /** Any line. */
  note(line: Distributed<HistoryLine, "atMs"> & { readonly atMs?: number }): void {
    writeSync(this.#file, `${JSON.stringify({ atMs: nowMs(), ...line })}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
