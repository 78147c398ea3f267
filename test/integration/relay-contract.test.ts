import { replicationContract } from "../contract/replication.contract.ts";
import { RELAY_REPLICATION } from "../support/relay-holder.ts";

replicationContract(RELAY_REPLICATION);
