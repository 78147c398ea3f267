export type { SyncCounters, SyncLog } from "./counters.ts";
export { PROTOCOL_VERSION } from "./protocol-version.ts";
export { startRelayServer } from "./relay-server.ts";
export type { Relay, RelayServerOptions } from "./relay-server.ts";
export type { KeptIncarnation } from "./relay-core.ts";
export type { MemberInfo } from "./relay-members.ts";
export type { RelayStatus } from "./messages/status.ts";
export { relays } from "./relays.ts";
export type { RelaysOptions } from "./relays.ts";
