import { Command, Option } from "commander";
import type { Limits } from "../engine/index.ts";
import type { RelayTls } from "../sync/index.ts";
import { readConfigFile } from "./config-file.ts";
import { HELP_EXAMPLES } from "./help.ts";
import type { RelayOptions } from "./relay.ts";
import { type FileReader, permissionWarning, secretOf } from "./secret.ts";
import {
  type GivenSettings,
  isSettingName,
  type LogLevel,
  resolveSettings,
  SettingError,
  SETTINGS,
  type SettingName,
  type Settings,
  variableOf,
} from "./settings.ts";

/** Where the command line looks besides its arguments. */
export interface CliEnvironment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly files: FileReader;
  /** Of this package. */
  readonly version: string;
}

/** What `converge-session relay` was told. */
export interface RelayCommand {
  readonly options: RelayOptions;
  readonly logLevel: LogLevel;
  readonly drainMs: number;
  /** Reads the certificate files again. Undefined without TLS. @throws SettingError */
  readonly readTls: (() => RelayTls) | undefined;
  /** To be told as soon as there is somebody to tell. */
  readonly warnings: readonly string[];
}

/**
 * The command line. `run` gets what `converge-session relay` was told and is waited for. Help, and what is wrong with the arguments, end
 * the parsing as commander does: on stdout with exit code 0, on stderr with 1.
 */
export function commandLine(environment: CliEnvironment, run: (command: RelayCommand) => Promise<void>): Command {
  const program = new Command("converge-session")
    .description("Session state that merges. This command runs the relay through which the nodes of an application meet.")
    .version(environment.version)
    .addHelpText("after", "\nStart here:\n  converge-session relay --help");
  const relay: Command = program
    .command("relay")
    .description(
      "Keeps the sessions of all nodes that connect, and passes on what each of them writes. Several relays are one: name the others with --peer.",
    )
    .option("--config <path>", `TOML or JSON file with these names, as listen = "127.0.0.1:7411" (env: ${variableOf("config")})`);
  for (const name of Object.keys(SETTINGS).filter(isSettingName)) relay.addOption(optionOf(name));
  relay.addHelpText("after", HELP_EXAMPLES).action(async (flags: Record<string, string | readonly string[]>) => {
    let command: RelayCommand;
    try {
      command = relayCommand(flags, environment);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      return relay.error(`error: ${error.message}`);
    }
    await run(command);
  });
  return program;
}

/** Commander only splits: values are checked where those of the environment and of the file are, with the same words. */
function optionOf(name: SettingName): Option {
  const { argument, help, isList, fallback } = SETTINGS[name];
  const option = new Option(
    `--${name} ${argument}`,
    `${help}${fallback === undefined ? "" : ` (default: ${fallback})`} (env: ${variableOf(name)})`,
  );
  return isList ? option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]) : option;
}

function relayCommand(flags: Readonly<Record<string, string | readonly string[]>>, { variables, files }: CliEnvironment): RelayCommand {
  const path = [flags["config"]].flat()[0] ?? variables[variableOf("config")];
  const file = path === undefined || path === "" ? undefined : { path, settings: readConfigFile(path, files.read) };
  const settings = resolveSettings({ flags: byName(flags), variables, file });
  const secret = secretOf(settings["secret-file"], variables, files);
  const readTls = tlsReader(settings, files);
  const secretFiles = [settings["secret-file"], settings["tls-key"]].filter((each) => each !== undefined);
  return {
    options: {
      ...settings.listen,
      secret,
      domain: settings.domain,
      peers: settings.peer ?? [],
      tls: readTls?.(),
      ca: settings["tls-ca"] === undefined ? undefined : readPem("tls-ca", settings["tls-ca"], files),
      data: settings.data,
      mapSizeMax: settings["map-size-max"],
      limits: limitsOf(settings),
      epsilonMs: settings["epsilon-ms"],
      forgetLossAfterMs: settings["forget-loss-after-ms"],
      admin: settings["admin-listen"],
    },
    logLevel: settings["log-level"],
    drainMs: settings["drain-ms"],
    readTls,
    warnings: [
      ...secretFiles.map((each) => permissionWarning(each, files)).filter((warning) => warning !== undefined),
      ...(readTls === undefined && !isLoopback(settings.listen.host) ? [IN_THE_CLEAR] : []),
    ],
  };
}

const IN_THE_CLEAR =
  "sessions cross the network unencrypted: name a certificate with --tls-cert and --tls-key, unless this network is yours alone (docs/deploying.md)";

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** From commander's names (`secretFile`) to those of the settings. */
function byName(flags: Readonly<Record<string, string | readonly string[]>>): GivenSettings {
  const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [kebab(name), value]));
}

function limitsOf(settings: Settings): Partial<Limits> {
  const given = {
    sessionCount: settings["session-count"],
    sessionBytes: settings["session-bytes"],
    hotCount: settings["hot-count"],
    hotBytes: settings["hot-bytes"],
    unsavedBytes: settings["unsaved-bytes"],
  } satisfies { readonly [Name in keyof Limits]?: number | undefined };
  return Object.fromEntries(Object.entries(given).filter(([, limit]) => limit !== undefined));
}

function tlsReader(settings: Settings, files: FileReader): (() => RelayTls) | undefined {
  const { "tls-cert": cert, "tls-key": key } = settings;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new SettingError("TLS needs both: --tls-cert and --tls-key");
  return () => ({ cert: readPem("tls-cert", cert, files), key: readPem("tls-key", key, files) });
}

function readPem(name: SettingName, path: string, files: FileReader): string {
  try {
    return files.read(path);
  } catch (error) {
    throw new SettingError(`${name} cannot be read: ${error instanceof Error ? error.message : "unknown failure"}`, { cause: error });
  }
}
