/**
 * What is explored: a machine that can do several things in each state. A state is a row of 32-bit words; what a step leads to is written into
 * a row that the model may use again, since the explorer copies it.
 */
export interface Model {
  readonly wordCount: number;
  begin(put: Put): void;
  /** Puts every state that one step leads to. A state may be put more than once. */
  step(state: Int32Array, put: Put): void;
  /** Brings a state into the form that stands for all that differ in the names of the nodes alone. In place. */
  canonical(state: Int32Array): void;
  /** The law that does not hold in this state, with what is wrong. */
  check(state: Int32Array): string | undefined;
  /** One line for a person: what the step does, and what came of it. */
  tell(before: Int32Array, step: number, after: Int32Array): string;
}

/** `broken`: the law that the step itself breaks, with what is wrong. */
export type Put = (next: Int32Array, step: number, broken?: string) => void;

export interface Exploration {
  readonly stateCount: number;
  /** Steps from the beginning to the state that is farthest away; where it stopped, every state that is nearer was looked at. */
  readonly depth: number;
  /** False: it stopped at one of its limits. */
  readonly isComplete: boolean;
  /** The first law found broken, by a shortest way to it. */
  readonly counterexample: Counterexample | undefined;
}

export interface Counterexample {
  readonly broken: string;
  /** One line a step. */
  readonly trace: readonly string[];
}

export interface ExplorerLimits {
  /** Default: 40 million. */
  readonly stateCountMax?: number | undefined;
  /** For the states, in bytes; growing takes half as much again for a moment. Default: none. */
  readonly memoryBytesMax?: number | undefined;
  /** Default: none. */
  readonly durationMsMax?: number | undefined;
}

interface ExplorerOptions {
  readonly limits?: ExplorerLimits | undefined;
  readonly onProgress?: (stateCount: number, depth: number) => void;
}

interface Broken {
  readonly law: string;
  readonly at: number;
  readonly isByStep: boolean;
}

const STATE_COUNT_MAX = 40_000_000;
const PROGRESS_EVERY = 500_000;
const LOOK_AT_TIME_EVERY = 1_000;

/**
 * Goes through every state that can be reached, nearest first, and stops at the first in which a law does not hold. States are rows of one
 * array, found again by a hash table of their numbers: 4 bytes a word and 12 more for each.
 */
export function explore(model: Model, { limits = {}, onProgress }: ExplorerOptions = {}): Exploration {
  const { stateCountMax: wantedMax = STATE_COUNT_MAX, memoryBytesMax = Infinity, durationMsMax = Infinity } = limits;
  const stateCountMax = Math.min(wantedMax, Math.floor(memoryBytesMax / bytesOfState(model.wordCount)));
  const endsAtMs = performance.now() + durationMsMax;
  const states = new StateSet(model.wordCount);
  const row = new Int32Array(model.wordCount);
  const state = new Int32Array(model.wordCount);
  let broken: Broken | undefined;
  let parent = -1;
  let isComplete = true;
  const isBroken = (): boolean => broken !== undefined;
  const put: Put = (next, _step, law) => {
    if (isBroken()) return;
    for (let word = 0; word < row.length; word++) row[word] = next[word] as number;
    model.canonical(row);
    const known = states.size;
    if (known >= stateCountMax) {
      isComplete = false;
      return;
    }
    const at = states.add(row, parent);
    // A step may break a law on its way to a state that is known.
    if (law !== undefined) broken = { law, isByStep: true, at: at === known ? at : states.append(row, parent) };
    else if (at === known) {
      const wrong = model.check(row);
      if (wrong !== undefined) broken = { law: wrong, isByStep: false, at };
    }
  };
  model.begin(put);
  let depth = 0;
  let levelEnd = states.size;
  for (let at = 0; at < states.size && isComplete && !isBroken(); at++) {
    if (at === levelEnd) {
      depth++;
      levelEnd = states.size;
    }
    if (at % PROGRESS_EVERY === 0 && at > 0) onProgress?.(states.size, depth);
    if (at % LOOK_AT_TIME_EVERY === 0 && performance.now() > endsAtMs) isComplete = false;
    states.read(at, state);
    parent = at;
    model.step(state, put);
  }
  const counterexample = broken === undefined ? undefined : { broken: broken.law, trace: traceOf(model, states, broken) };
  return { stateCount: states.size, depth, isComplete, counterexample };
}

/** Its words and its parent, each with the room that is left when they have just grown, and four slots of the table. */
function bytesOfState(wordCount: number): number {
  return 8 * (wordCount + 1) + 16;
}

/** The steps to a state, with the names that nodes have all the way: each is looked for again among what the one before leads to. */
function traceOf(model: Model, states: StateSet, last: Broken): string[] {
  const path: number[] = [];
  for (let at = last.at; at >= 0; at = states.parentOf(at)) path.unshift(at);
  const wanted = new Int32Array(model.wordCount);
  const row = new Int32Array(model.wordCount);
  const lines: string[] = [];
  let before: Int32Array | undefined;
  for (const at of path) {
    states.read(at, wanted);
    let found: Int32Array | undefined;
    const from = before;
    const look: Put = (next, step, law) => {
      row.set(next);
      model.canonical(row);
      // Several steps may lead there: the last one is the one that breaks it.
      if (at === last.at && last.isByStep && law !== last.law) return;
      if (found !== undefined || row.some((word, index) => word !== wanted[index])) return;
      found = next.slice();
      lines.push(model.tell(from ?? found, step, found));
    };
    if (from === undefined) model.begin(look);
    else model.step(from, look);
    before = found;
  }
  return lines;
}

/** Rows that were seen, by number in the order in which they came. */
class StateSet {
  size = 0;
  readonly #wordCount: number;
  #words: Int32Array;
  #parents: Int32Array;
  /** Number of the row + 1; 0: free. */
  #table: Int32Array;

  constructor(wordCount: number) {
    this.#wordCount = wordCount;
    this.#words = new Int32Array(wordCount * 4_096);
    this.#parents = new Int32Array(4_096);
    this.#table = new Int32Array(16_384);
  }

  read(at: number, into: Int32Array): void {
    const from = at * this.#wordCount;
    for (let word = 0; word < this.#wordCount; word++) into[word] = this.#words[from + word] as number;
  }

  parentOf(at: number): number {
    return this.#parents[at] as number;
  }

  /** The number of a row; the size before, where it is new. */
  add(row: Int32Array, parent: number): number {
    if (this.size * 2 >= this.#table.length) this.#rehash();
    const mask = this.#table.length - 1;
    for (let slot = hashOf(row) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#table[slot] as number;
      if (number === 0) {
        this.#table[slot] = this.size + 1;
        return this.append(row, parent);
      }
      if (this.#isAt(number - 1, row)) return number - 1;
    }
  }

  /** Adds a row, whether or not there is one like it. */
  append(row: Int32Array, parent: number): number {
    if (this.size === this.#parents.length) {
      this.#words = grown(this.#words);
      this.#parents = grown(this.#parents);
    }
    const from = this.size * this.#wordCount;
    for (let word = 0; word < this.#wordCount; word++) this.#words[from + word] = row[word] as number;
    this.#parents[this.size] = parent;
    return this.size++;
  }

  #isAt(at: number, row: Int32Array): boolean {
    const from = at * this.#wordCount;
    for (let word = 0; word < this.#wordCount; word++) if (this.#words[from + word] !== row[word]) return false;
    return true;
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2);
    const row = new Int32Array(this.#wordCount);
    const mask = table.length - 1;
    for (let at = 0; at < this.size; at++) {
      this.read(at, row);
      let slot = hashOf(row) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = at + 1;
    }
    this.#table = table;
  }
}

function grown(words: Int32Array): Int32Array {
  const more = new Int32Array(words.length * 2);
  more.set(words);
  return more;
}

/** The mixing of MurmurHash3, a word at a time. */
function hashOf(row: Int32Array): number {
  let hash = 0x9747b28c;
  for (let word = 0; word < row.length; word++) {
    let mixed = Math.imul(row[word] as number, 0xcc9e2d51);
    mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
    hash ^= mixed;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
