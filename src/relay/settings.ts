/**
 * Everything that can be set for `converge-session relay`, once: the command line, the environment, the config file and the help are made from
 * this table, and docs/deploying.md lists it (a test compares). None takes a secret: those would be in `ps`, in shell histories and in backups.
 */
export const SETTINGS = {
  listen: setting("<host:port>", "where nodes connect; port 0 takes any free one", listenAddressOf, "127.0.0.1:7411"),
  "secret-file": setting(
    "<path>",
    "file with the secret that relays and nodes share, at least 32 bytes (else CONVERGE_SESSION_SECRET)",
    textOf,
  ),
  domain: setting("<name>", "which sessions: nodes of another domain are refused", textOf, "default"),
  peer: list("<address>", "ws:// or wss:// address of another relay; once for each", peerAddressOf),
  data: setting("<folder>", "keep the sessions on disk there, too (needs the package lmdb); without: in memory only", textOf),
  "map-size-max": setting("<bytes>", "bytes that the sessions on disk may use; without: 16 GiB", countOf),
  "tls-cert": setting("<path>", "certificate chain, PEM: nodes then connect by wss://", textOf),
  "tls-key": setting("<path>", "its key, PEM, without passphrase", textOf),
  "tls-ca": setting("<path>", "certificates that peers are checked against, PEM; without: those that Node trusts", textOf),
  "admin-listen": setting(
    "<host:port>",
    "serve /health, /ready and /metrics there, by plain http, and not where nodes connect",
    listenAddressOf,
  ),
  "session-count": setting("<n>", "sessions at once; beyond, new ones are refused (without: 1000000)", countOf),
  "session-bytes": setting("<bytes>", "encoded bytes of one session (without: 262144)", countOf),
  "hot-count": setting("<n>", "sessions ready in memory, about 15 KB each (without: 4000)", countOf),
  "hot-bytes": setting("<bytes>", "the same, by their encoded bytes (without: 268435456)", countOf),
  "unsaved-bytes": setting("<bytes>", "bytes that wait for the disk; beyond, new sessions are refused (without: 268435456)", countOf),
  "epsilon-ms": setting("<ms>", "how far clocks may be apart; the same on all nodes (without: 2000)", countOf),
  "forget-loss-after-ms": setting(
    "<ms>",
    "how long a lost relay counts as one that may hold what nobody else has (without: 1800000)",
    countOf,
  ),
  "drain-ms": setting("<ms>", "how long a relay that is told to stop waits for its peers to take what is queued", countOf, "5000"),
  "log-level": setting("<level>", "silent, error, warn, info or debug; JSON lines on stderr", logLevelOf, "info"),
} as const;

export type SettingName = keyof typeof SETTINGS;

/** What was set, checked. What was not and has no default is undefined. */
export type Settings = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]["parse"]> | Unset<(typeof SETTINGS)[Name]> };

type Unset<Each> = Each extends { readonly fallback: string } ? never : undefined;

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const LOG_LEVELS = ["silent", "error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Something is set to what cannot be used. The message says where it was set, and what it must look like; never to what: it may be a secret by mistake. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

/** Texts as they were given, by setting: lists as several. */
export type GivenSettings = { readonly [Name in SettingName]?: string | readonly string[] };

export interface SettingSources {
  readonly flags: GivenSettings;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly file: { readonly path: string; readonly settings: GivenSettings } | undefined;
}

export function variableOf(name: string): string {
  return `CONVERGE_SESSION_${name.toUpperCase().replaceAll("-", "_")}`;
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

/** A flag counts before the environment, that before the file, that before the default. @throws SettingError */
export function resolveSettings(sources: SettingSources): Settings {
  const resolved: Record<string, unknown> = {};
  for (const name of Object.keys(SETTINGS).filter(isSettingName)) {
    const { parse, isList, fallback } = SETTINGS[name] as AnySetting;
    const given = firstGiven(name, isList, sources) ?? (fallback === undefined ? undefined : { where: name, texts: [fallback] });
    if (given === undefined) continue;
    try {
      resolved[name] = parse(given.texts);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      throw new SettingError(`${given.where}: ${error.message}`);
    }
  }
  return resolved as unknown as Settings;
}

interface AnySetting {
  readonly isList: boolean;
  readonly fallback?: string;
  readonly parse: (texts: readonly string[]) => unknown;
}

function firstGiven(
  name: SettingName,
  isList: boolean,
  { flags, variables, file }: SettingSources,
): { readonly where: string; readonly texts: readonly string[] } | undefined {
  const flag = flags[name];
  if (flag !== undefined) return { where: `--${name}`, texts: [flag].flat() };
  const variable = variables[variableOf(name)];
  // An empty variable is how compose files and units say "not set".
  if (variable !== undefined && variable !== "") return { where: variableOf(name), texts: isList ? variable.split(/[\s,]+/) : [variable] };
  const inFile = file?.settings[name];
  return inFile === undefined ? undefined : { where: `${file?.path}, ${name}`, texts: [inFile].flat() };
}

interface Setting<Value, Fallback extends string | undefined> {
  readonly argument: string;
  readonly help: string;
  readonly isList: boolean;
  readonly fallback: Fallback;
  readonly parse: (texts: readonly string[]) => Value;
}

function setting<Value>(argument: string, help: string, parse: (text: string) => Value): Setting<Value, undefined>;
function setting<Value>(argument: string, help: string, parse: (text: string) => Value, fallback: string): Setting<Value, string>;
function setting<Value>(
  argument: string,
  help: string,
  parse: (text: string) => Value,
  fallback?: string,
): Setting<Value, string | undefined> {
  return { argument, help, fallback, isList: false, parse: (texts) => parse(texts.at(-1) ?? "") };
}

function list<Value>(argument: string, help: string, parse: (text: string) => Value): Setting<readonly Value[], undefined> {
  return { argument, help, fallback: undefined, isList: true, parse: (texts) => texts.filter((text) => text !== "").map(parse) };
}

function textOf(text: string): string {
  if (text === "") throw new SettingError("it must not be empty");
  return text;
}

function countOf(text: string): number {
  const count = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(count)) throw new SettingError("it must be a whole number, without unit");
  return count;
}

/** `host:port`, `[ipv6]:port`, `:port` or `port`: the last two on loopback. */
function listenAddressOf(text: string): ListenAddress {
  const match = /^(?:(?:\[([^\]]+)\]|([^:]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new SettingError("it must look like 127.0.0.1:7411 or [::1]:7411");
  return { host: match[1] ?? (match[2] === undefined || match[2] === "" ? "127.0.0.1" : match[2]), port };
}

function peerAddressOf(text: string): string {
  if (!/^wss?:\/\/[^@#\s]+$/.test(text) || !URL.canParse(text))
    throw new SettingError("it must look like ws://10.0.0.2:7411 or wss://relay.example:7411, without user");
  return text;
}

function logLevelOf(text: string): LogLevel {
  const level = LOG_LEVELS.find((each) => each === text);
  if (level === undefined) throw new SettingError(`it must be one of ${LOG_LEVELS.join(", ")}`);
  return level;
}
