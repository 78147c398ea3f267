import { describe, test } from "vitest";
import { replicationContract, runContract } from "../../src/testing/index.ts";
import { RELAY_REPLICATION } from "../support/relay-holder.ts";

runContract(replicationContract(RELAY_REPLICATION), { describe, test });
