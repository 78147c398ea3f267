import type { Contract } from "../contract-case.ts";
import { DELIVERY_CASES } from "./deliveries-contract.ts";
import { EXCHANGE_CASES } from "./exchange-contract.ts";
import { FETCH_CASES } from "./fetch-contract.ts";
import { Deployment, type ReplicationCase, type ReplicationUnderTest } from "./replication-case.ts";

/**
 * The laws RP1–RP9 of `Replication`, for any implementation, over holders whose sessions are sets of numbers (`SetReplica`). RP10 and RP11 count
 * the frames of our own protocol: test/integration/sync-link.test.ts.
 */
export function replicationContract(implementation: ReplicationUnderTest): Contract {
  const cases: readonly ReplicationCase[] = [...EXCHANGE_CASES, ...FETCH_CASES, ...DELIVERY_CASES];
  return {
    name: `replication over ${implementation.name}`,
    cases: cases.map(({ name, run }) => ({
      name,
      run: async () => {
        const deployment = new Deployment(implementation);
        try {
          await run(deployment);
        } finally {
          await deployment.close();
        }
      },
    })),
  };
}
