import type { Root } from "./open-folder.ts";

/** So long the event loop, and all other processes that write, are held at most by one transaction; a single change may take longer. */
const TRANSACTION_MS = 2;

/** A write transaction, while a change runs in it. Everything that may throw is to be done before the first write. */
export interface WriteTransaction {
  /** Greater in every later one. */
  readonly id: number;
  get(key: Buffer): Buffer | undefined;
  /** Keys in [start, end), at most `limit`. */
  keys(start: Buffer, end: Buffer, limit: number): Buffer[];
  put(key: Buffer, value: Buffer): void;
  remove(key: Buffer): void;
  /** Bytes that the transactions before this one use, and what this one added. */
  usedBytes(): number;
}

interface Job {
  run(transaction: WriteTransaction): void;
  resolve(): void;
  reject(error: unknown): void;
}

/** What a failed transaction means: whether it was this change, or the store. */
export interface QueueHost {
  /** Open, and stays so until the transaction is over. */
  root(): Promise<Root>;
  /** After a transaction that failed: LMDB may refuse all others until it is opened again. Does not reject. */
  failed(): Promise<void>;
  toError(error: unknown): Error;
}

const EMPTY = Buffer.alloc(0);

/**
 * Changes of the store, in order, as many as there are in one transaction: one `fsync` for all that came while the one before was
 * written. The merging is done on this thread, the commit and its `fsync` on another.
 */
export class WriteQueue {
  readonly #host: QueueHost;
  #jobs: Job[] = [];
  #draining: Promise<void> | undefined;

  constructor(host: QueueHost) {
    this.#host = host;
  }

  /** Resolves to what `change` returned when it is on the disk. Rejects with what it threw, or why the transaction failed. */
  write<T>(change: (transaction: WriteTransaction) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      const run = (transaction: WriteTransaction): void => {
        result = change(transaction);
      };
      this.#jobs.push({ run, resolve: () => resolve(result), reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when nothing is waiting. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  async #drain(): Promise<void> {
    // What is asked for in the same tick goes into the same transaction.
    await Promise.resolve();
    while (this.#jobs.length > 0) {
      const waiting = this.#jobs;
      this.#jobs = [];
      const started = await this.#transact(waiting);
      this.#jobs = [...waiting.slice(started), ...this.#jobs];
    }
    this.#draining = undefined;
  }

  /** How many of the jobs it took on. */
  async #transact(jobs: readonly Job[]): Promise<number> {
    const own = new Map<Job, unknown>();
    let started = 0;
    let failure: unknown;
    try {
      const root = await this.#host.root();
      const before = usedBytesOf(root);
      await root.transaction(() => {
        const transaction = new Transaction(root, before);
        const untilMs = performance.now() + TRANSACTION_MS;
        for (const job of jobs) {
          started++;
          try {
            job.run(transaction);
          } catch (error) {
            own.set(job, error);
          }
          if (transaction.failure !== undefined || performance.now() > untilMs) break;
        }
        failure = transaction.failure;
      });
    } catch (error) {
      failure ??= await causeOf(error);
    }
    if (failure !== undefined) {
      // If it did not come to any of them, all of them have the same reason.
      if (started === 0) started = jobs.length;
      await this.#host.failed();
    }
    for (const job of jobs.slice(0, started)) {
      if (failure !== undefined) job.reject(this.#host.toError(failure));
      else if (own.has(job)) job.reject(this.#host.toError(own.get(job)));
      else job.resolve();
    }
    return started;
  }
}

class Transaction implements WriteTransaction {
  readonly id: number;
  /** Set when LMDB refused something: nothing of this transaction will be there. */
  failure: unknown;
  readonly #root: Root;
  #usedBytes: number;

  constructor(root: Root, usedBytes: number) {
    this.#root = root;
    this.#usedBytes = usedBytes;
    this.id = root.getWriteTxnId();
  }

  get(key: Buffer): Buffer | undefined {
    return this.#guarded(() => this.#root.getBinary(key));
  }

  keys(start: Buffer, end: Buffer, limit: number): Buffer[] {
    return this.#guarded(() => Array.from(this.#root.getKeys({ start, end, limit }), (key) => Buffer.from(key)));
  }

  put(key: Buffer, value: Buffer = EMPTY): void {
    this.#usedBytes += key.length + value.length;
    this.#guarded(() => void this.#root.put(key, value));
  }

  remove(key: Buffer): void {
    this.#guarded(() => void this.#root.remove(key));
  }

  usedBytes(): number {
    return this.#usedBytes;
  }

  #guarded<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      this.failure = error ?? new Error("LMDB failed without a reason");
      throw error;
    }
  }
}

/** Of the pages of the tree: free pages are used again, so they do not count. */
function usedBytesOf(root: Root): number {
  const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages } = root.getStats() as Readonly<Record<string, number>>;
  return (pageSize ?? 0) * ((treeBranchPageCount ?? 0) + (treeLeafPageCount ?? 0) + (overflowPages ?? 0));
}

/** lmdb rejects with a general error that holds a promise of the reason, which must be handled, too. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause ?? error;
  }
}
