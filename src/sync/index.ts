export type { SyncCounters, SyncLog } from "./counters.ts";
export { PROTOCOL_VERSION } from "./protocol-version.ts";
export type { RelayIdentity } from "./relay-identity.ts";
export { startRelayServer } from "./relay-server.ts";
export type { Relay, RelayServerOptions, RelayTls } from "./relay-server.ts";
export { relays } from "./relays.ts";
export type { RelaysOptions } from "./relays.ts";
export type { TrafficFigures } from "./traffic.ts";
