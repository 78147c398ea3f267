/** One promise of a contract, as a test: `run` rejects where it is broken. */
export interface ContractCase {
  /** Begins with the ids of the laws of SPEC.md that it proves: `[ST1] …`. */
  readonly name: string;
  /** Each run stands alone: it makes what it needs, and closes it. */
  readonly run: () => Promise<void>;
}

/** A test program: `test` of vitest, of `node:test`, or of any other that takes a name and a function. */
export interface TestProgram {
  readonly test: (name: string, run: () => Promise<void>) => unknown;
  /** Groups the cases under the name of the contract, where it is given. */
  readonly describe?: (name: string, register: () => void) => unknown;
}

/** A contract for one implementation. */
export interface Contract {
  /** What is under test: "a session store: memory". */
  readonly name: string;
  readonly cases: readonly ContractCase[];
}

/**
 * Registers every case of a contract as a test:
 * `import { describe, test } from "node:test"; runContract(sessionStoreContract(…), { describe, test });`
 */
export function runContract({ name, cases }: Contract, { test, describe }: TestProgram): void {
  const register = (): void => {
    // No parameter: both programs would hand over one.
    for (const each of cases) test(each.name, () => each.run());
  };
  if (describe === undefined) register();
  else describe(name, register);
}
