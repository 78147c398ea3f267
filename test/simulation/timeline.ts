import { createHash } from "node:crypto";

interface Happening {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** A loop that never ends would otherwise look like a test that is slow. */
const HAPPENINGS_MAX = 5_000_000;

/** Characters; a call of the hash costs more than hashing a line. */
const HASHED_AT_ONCE = 32_768;

/**
 * The one time of a world: what happens, happens in the order of its instants, at equal instants in the order in which it was arranged.
 * Between two happenings everything that waits for a promise goes on, as it does between two turns of an event loop.
 */
export class Timeline {
  #nowMs = 0;
  #order = 0;
  #count = 0;
  /** A binary heap; the first is the next. */
  readonly #heap: Happening[] = [];
  readonly #hash = createHash("sha256");
  #unhashed = "";
  #tracer: ((line: string) => void) | undefined;
  #isStopped = false;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many things happened. */
  get count(): number {
    return this.#count;
  }

  /** Arranges something; returns what cancels it. */
  at(atMs: number, run: () => void): () => void {
    const happening: Happening = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run };
    this.#push(happening);
    return () => {
      happening.run = undefined;
    };
  }

  after(delayMs: number, run: () => void): () => void {
    return this.at(this.#nowMs + delayMs, run);
  }

  /** Resolves after `delayMs` of virtual time. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  /** Lets time pass. */
  async runFor(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    await turn();
    while ((this.#peek()?.atMs ?? Infinity) <= untilMs) await this.#step();
    this.#nowMs = untilMs;
  }

  /** Lets time pass until `work` is done. @throws what it throws; and when it is not done after `limitMs` */
  async runUntil<T>(work: Promise<T>, limitMs: number): Promise<T> {
    const state = { isDone: false };
    const done = (): void => {
      state.isDone = true;
    };
    work.then(done, done);
    const untilMs = this.#nowMs + limitMs;
    await turn();
    while (!state.isDone) {
      if ((this.#peek()?.atMs ?? Infinity) > untilMs) throw new Error(`not done after ${limitMs} ms of virtual time`);
      await this.#step();
    }
    return work;
  }

  /** Nothing more happens: whoever lets time pass is told so. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Writes down what happened: the trace of two runs of one seed is the same. */
  trace(line: string): void {
    const stamped = `${this.#nowMs.toFixed(3)} ${line}\n`;
    this.#unhashed += stamped;
    if (this.#unhashed.length > HASHED_AT_ONCE) this.#flush();
    this.#tracer?.(stamped.slice(0, -1));
  }

  /** Hears every line of the trace. */
  onTrace(tracer: (line: string) => void): void {
    this.#tracer = tracer;
  }

  /** Names all that was traced. */
  digest(): string {
    this.#flush();
    return this.#hash.copy().digest("hex");
  }

  #flush(): void {
    this.#hash.update(this.#unhashed);
    this.#unhashed = "";
  }

  async #step(): Promise<void> {
    if (this.#isStopped) throw new TimeStopped();
    const next = this.#pop();
    const run = next?.run;
    if (next === undefined || run === undefined) return;
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    if (++this.#count > HAPPENINGS_MAX) throw new Error("the world runs in circles: too much happens");
    run();
    await turn();
  }

  #peek(): Happening | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].run === undefined) this.#pop();
    return this.#heap[0];
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(happening);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, happening)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = happening;
  }

  #pop(): Happening | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, below)) {
        child += 1;
        below = right;
      }
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

/** Somebody has seen enough. */
export class TimeStopped extends Error {
  constructor() {
    super("time was stopped");
  }
}

function isBefore(left: Happening, right: Happening): boolean {
  return left.atMs !== right.atMs ? left.atMs < right.atMs : left.order < right.order;
}

/** Lets everything that waits for a promise go on: a turn of the real event loop, in which no virtual time passes. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
