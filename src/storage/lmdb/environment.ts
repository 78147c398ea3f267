import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import type { SessionError } from "../../engine/index.ts";
import { storeError } from "./failures.ts";
import { checkBeforeOpen, checkWhole, openRoot, prepareFolder, type Root } from "./open-folder.ts";
import { type WriteTransaction, WriteQueue } from "./write-queue.ts";

/** Room in the address space, not on the disk: pages that are free, or of older snapshots, come on top of what is used. */
const MAP_PER_USED = 2;

/** By real path: LMDB must not be opened twice in a process, and two openers of it on one thread would wait for each other for ever. */
const opened = new Map<string, Environment>();

/** One folder, opened once in this process and shared by all stores on it. */
export class Environment {
  readonly folder: string;
  readonly sizeMax: number;
  /** Keys, in hex, of entries that are known to be damaged. */
  readonly damaged: ReadonlySet<string>;
  readonly #queue: WriteQueue;
  #root: Root | undefined;
  #reopening: Promise<void> = Promise.resolve();
  #reopenError: unknown;
  #users = 1;

  /** The folder's, made or opened. Whoever calls this calls `release` once. @throws SessionError STORE_CORRUPT, STORE_UNAVAILABLE, STORE_FULL */
  static acquire(path: string, sizeMax: number): Environment {
    const folder = resolve(path);
    try {
      prepareFolder(folder);
      const real = realpathSync(folder);
      const shared = opened.get(real);
      if (shared !== undefined) {
        shared.#users++;
        return shared;
      }
      checkBeforeOpen(real);
      const environment = new Environment(real, sizeMax);
      opened.set(real, environment);
      return environment;
    } catch (error) {
      throw storeError(error, folder);
    }
  }

  private constructor(folder: string, sizeMax: number) {
    this.folder = folder;
    this.sizeMax = sizeMax;
    const root = openRoot(folder, sizeMax * MAP_PER_USED);
    try {
      this.damaged = checkWhole(root, folder);
    } catch (error) {
      void root.close();
      throw error;
    }
    this.#root = root;
    this.#queue = new WriteQueue({
      root: async () => this.ready(),
      failed: () => this.#reopen(),
      toError: (error) => this.toError(error),
    });
  }

  /** For reading at once; undefined for the moment in which it is opened anew. Sees what others committed. */
  current(): Root | undefined {
    this.#root?.resetReadTxn();
    return this.#root;
  }

  /** For reading, as soon as it is open. */
  async ready(): Promise<Root> {
    await this.#reopening;
    if (this.#root === undefined) await this.#reopen();
    const root = this.current();
    if (root === undefined) throw this.#reopenError;
    return root;
  }

  write<T>(change: (transaction: WriteTransaction) => T): Promise<T> {
    return this.#queue.write(change);
  }

  toError(error: unknown): SessionError {
    return storeError(error, this.folder);
  }

  /** The last one closes it, after what was asked for is written. */
  async release(): Promise<void> {
    await this.#queue.idle();
    this.#users--;
    if (this.#users > 0) return;
    opened.delete(this.folder);
    const root = this.#root;
    this.#root = undefined;
    await root?.close();
  }

  /** A write of LMDB's that failed may have made it refuse all others, which its package does not tell: it would wait for ever. */
  #reopen(): Promise<void> {
    const reopen = async (): Promise<void> => {
      const root = this.#root;
      this.#root = undefined;
      try {
        await root?.close();
        checkBeforeOpen(this.folder);
        this.#root = openRoot(this.folder, this.sizeMax * MAP_PER_USED);
      } catch (error) {
        // Whoever asks next tries again, and is told.
        this.#reopenError = error;
      }
    };
    this.#reopening = this.#reopening.then(reopen);
    return this.#reopening;
  }
}
