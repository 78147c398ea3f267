export type { RelayLog } from "./log.ts";
export type { RelayFigures } from "./relay-figures.ts";
export { startRelay } from "./relay.ts";
export type { Relay, RelayOptions } from "./relay.ts";
