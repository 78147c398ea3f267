import type { MergeContext, SessionStore } from "../../engine/index.ts";
import type { Contract } from "../contract-case.ts";
import { CLAIM_CASES } from "./claims-contract.ts";
import { LASTING_CASES } from "./lasting-contract.ts";
import { LIST_CASES } from "./lists-contract.ts";
import { RECORD_CASES } from "./records-contract.ts";
import { sampleRecords, type SampleRecords } from "./sample-records.ts";
import { STORE_PARTS, type StoreCase, type StorePart } from "./store-case.ts";

/** A store, and how to get at what lies in it. */
export interface StoreUnderTest {
  /** Empty. */
  readonly store: SessionStore;
  /** What the store of a process finds that starts where this one stopped without notice. Stores that do not last leave it out. */
  readonly reopen?: () => Promise<SessionStore>;
  /** Another store on the same place, at the same time. Stores that are one process's own leave it out. */
  readonly beside?: () => SessionStore;
  /** Called when the case is over and all stores are closed: removes what lies there. */
  readonly remove?: () => Promise<void> | void;
}

export interface SessionStoreContractOptions {
  /** For titles: "Redis". */
  readonly name: string;
  /** An empty store of its own for each call. `context`: as an engine hands it to `EngineOptions.store`. */
  readonly open: (context: MergeContext) => Promise<StoreUnderTest> | StoreUnderTest;
  /**
   * What this store has of what not every store has: `reopen` (it lasts), `beside` (processes share it), and its optional methods. The first
   * case fails when this is not so, so no law goes unlooked at by oversight. Default: nothing.
   */
  readonly parts?: readonly StorePart[];
}

/** The laws ST1–ST10, ST15 and ST16 of `SessionStore`, for any implementation. Cases may run in any order, not at the same time. */
export function sessionStoreContract({ name, open, parts = [] }: SessionStoreContractOptions): Contract {
  let samples: Promise<SampleRecords> | undefined;
  const all: readonly StoreCase[] = [...RECORD_CASES, ...LIST_CASES, ...CLAIM_CASES, ...LASTING_CASES];
  return {
    name: `a session store: ${name}`,
    cases: all
      .filter(({ needs = [] }) => needs.every((part) => parts.includes(part)))
      .map((each) => ({ name: each.name, run: async () => runOn(each, open, parts, await (samples ??= sampleRecords())) })),
  };
}

async function runOn(
  { run }: StoreCase,
  open: SessionStoreContractOptions["open"],
  parts: readonly StorePart[],
  samples: SampleRecords,
): Promise<void> {
  const stores: SessionStore[] = [];
  const made: StoreUnderTest[] = [];
  const opened = async (): Promise<StoreUnderTest> => {
    const next = await open(samples.context);
    made.push(next);
    stores.push(next.store);
    return next;
  };
  try {
    const first = await opened();
    await run({
      ...samples,
      store: first.store,
      promised: parts,
      found: partsOf(first),
      another: async () => (await opened()).store,
      reopen: async () => {
        const next = await first.reopen?.();
        if (next === undefined) throw new Error("`parts` names reopen: `open` must give one.");
        stores.push(next);
        return next;
      },
      beside: () => {
        const other = first.beside?.();
        if (other !== undefined) stores.push(other);
        return other ?? first.store;
      },
    });
  } finally {
    // A case may have closed its own, and a store that fails a law may fail to close: the case has said what is wrong.
    for (const store of stores) await store.close().catch(() => undefined);
    for (const { remove } of made) await remove?.();
  }
}

function partsOf({ store, reopen, beside }: StoreUnderTest): StorePart[] {
  const has: Readonly<Record<StorePart, boolean>> = {
    reopen: reopen !== undefined,
    beside: beside !== undefined,
    appendNow: store.appendNow !== undefined,
    scan: store.scan !== undefined,
    version: store.version !== undefined,
    highWaterMs: store.highWaterMs !== undefined,
  };
  return STORE_PARTS.filter((part) => has[part]);
}
