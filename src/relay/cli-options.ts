import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import type { RelayOptions } from "./relay.ts";

/** Where the secret comes from when no file is named. Never a flag's value: those are in `ps` and in shell histories. */
export const SECRET_VARIABLE = "CONVERGE_SESSION_SECRET";
const DEFAULT_LISTEN = "127.0.0.1:7411";

export interface CliEnvironment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
}

export const PROCESS_ENVIRONMENT: CliEnvironment = { variables: process.env, readFile: (path) => readFileSync(path, "utf8") };

interface RelayFlags {
  readonly listen: ListenAddress;
  readonly secretFile?: string;
  readonly domain: string;
}

interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * The command line. `run` gets the options of `converge-session relay` and is waited for. Help, and what is wrong with the arguments, end
 * the parsing as commander does: on stdout with exit code 0, on stderr with 1.
 */
export function commandLine(environment: CliEnvironment, run: (options: RelayOptions) => Promise<void>): Command {
  const program = new Command("converge-session")
    .description("Session state that merges. This command runs the relay through which the nodes of an application meet.")
    .addHelpText("after", "\nStart here:\n  converge-session relay --help");
  const relay: Command = program
    .command("relay")
    .description("Keeps the sessions of all nodes that connect, in memory, and passes on what each of them writes.")
    .addOption(
      new Option("--listen <host:port>", "where nodes connect; port 0 takes any free one")
        .argParser(listenAddressOf)
        .default(listenAddressOf(DEFAULT_LISTEN), DEFAULT_LISTEN),
    )
    .option("--secret-file <path>", `file with the secret that relay and nodes share, at least 32 bytes (else ${SECRET_VARIABLE})`)
    .option("--domain <name>", "which sessions: nodes of another domain are refused", "default")
    .addHelpText("after", EXAMPLE)
    .action(async (flags: RelayFlags) => {
      const secret = secretOf(flags, environment);
      if (secret === undefined)
        return relay.error(`error: no secret: name a file with --secret-file, or set ${SECRET_VARIABLE} (openssl rand -base64 33)`);
      await run({ host: flags.listen.host, port: flags.listen.port, secret, domain: flags.domain });
    });
  return program;
}

const EXAMPLE = `
Example, one relay and two nodes on one machine:
  openssl rand -base64 33 > secret
  converge-session relay --secret-file secret
  ${SECRET_VARIABLE}="$(cat secret)" node app.js     # twice, on two ports

  // in app.js
  import { createEngine } from "converge-session";
  import { relays } from "converge-session/sync";
  const sync = relays(["ws://${DEFAULT_LISTEN}"], { alone: "serve", secret: process.env.${SECRET_VARIABLE} });
  const engine = createEngine({ sync });

When it listens it prints one line, and stops cleanly on SIGTERM and SIGINT:
  converge-session relay listening on ws://${DEFAULT_LISTEN} domain=default protocol=1

The secret proves who belongs here; it does not encrypt. Between machines put TLS in front and give nodes a wss:// address,
and do not let the port face the internet.`;

/** @throws InvalidArgumentError of commander */
function listenAddressOf(value: string): ListenAddress {
  // host:port, [ipv6]:port, :port, port
  const match = /^(?:(?:\[([^\]]+)\]|([^:]*)):)?(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new InvalidArgumentError("it must look like 127.0.0.1:7411 or [::1]:7411.");
  return { host: match[1] ?? (match[2] === undefined || match[2] === "" ? "127.0.0.1" : match[2]), port };
}

/** The line ending that an editor adds to a file is not part of the secret. */
function secretOf({ secretFile }: RelayFlags, { variables, readFile }: CliEnvironment): string | undefined {
  const secret = secretFile === undefined ? variables[SECRET_VARIABLE] : readFile(secretFile).replace(/\r?\n$/, "");
  return secret === "" ? undefined : secret;
}
