import type { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { commandLine, type RelayCommand } from "./cli-options.ts";
import { SECRET_VARIABLE } from "./secret.ts";
import { isSettingName, SETTINGS, variableOf } from "./settings.ts";

const SECRET = "a secret that is at least thirty-two bytes long";
const NAMES = Object.keys(SETTINGS).filter(isSettingName);

interface Outcome {
  readonly command?: RelayCommand;
  readonly exitCode?: number;
  readonly output: string;
}

interface Machine {
  readonly variables?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly modes?: Readonly<Record<string, number>>;
}

/** Runs the command line; what it would start, or how and with which words it ended. */
async function parse(args: readonly string[], { variables, files = {}, modes = {} }: Machine = {}): Promise<Outcome> {
  let command: RelayCommand | undefined;
  let output = "";
  const contents: Readonly<Record<string, string>> = { f: `${SECRET}\n`, ...files };
  const read = (path: string): string => {
    const content = contents[path];
    if (content === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
    return content;
  };
  const environment = {
    variables: variables ?? { [SECRET_VARIABLE]: SECRET },
    files: { read, mode: (path: string) => modes[path] ?? 0o600 },
    version: "1.2.3",
  };
  const program = commandLine(environment, async (parsed) => void (command = parsed));
  for (const each of [program, ...program.commands]) {
    each.exitOverride().configureOutput({ writeOut: (text) => (output += text), writeErr: (text) => (output += text) });
  }
  try {
    await program.parseAsync(["node", "converge-session", ...args]);
  } catch (error) {
    return { exitCode: (error as CommanderError).exitCode, output };
  }
  return command === undefined ? { output } : { command, output };
}

async function refusal(args: readonly string[], machine?: Machine): Promise<string> {
  const { exitCode, output } = await parse(args, machine);
  expect(exitCode).toBe(1);
  return output;
}

/** A value of each setting that can be used and is not its default, and where it arrives. */
const EXAMPLES: Readonly<Record<keyof typeof SETTINGS, readonly [text: string, arrives: (command: RelayCommand) => unknown, as: unknown]>> =
  {
    listen: ["127.0.0.1:7001", ({ options }) => options.port, 7001],
    "secret-file": ["other", ({ options }) => options.secret, "other secret that is at least thirty-two bytes"],
    domain: ["shop", ({ options }) => options.domain, "shop"],
    peer: ["ws://10.0.0.2:7411", ({ options }) => options.peers, ["ws://10.0.0.2:7411"]],
    data: ["/data", ({ options }) => options.data, "/data"],
    "map-size-max": ["2000000", ({ options }) => options.mapSizeMax, 2_000_000],
    "tls-cert": ["cert", ({ options }) => options.tls?.cert, "CERT"],
    "tls-key": ["key", ({ options }) => options.tls?.key, "KEY"],
    "tls-ca": ["ca", ({ options }) => options.ca, "CA"],
    "admin-listen": ["127.0.0.1:9411", ({ options }) => options.admin?.port, 9411],
    "session-count": ["11", ({ options }) => options.limits?.sessionCount, 11],
    "session-bytes": ["12", ({ options }) => options.limits?.sessionBytes, 12],
    "hot-count": ["13", ({ options }) => options.limits?.hotCount, 13],
    "hot-bytes": ["14", ({ options }) => options.limits?.hotBytes, 14],
    "unsaved-bytes": ["15", ({ options }) => options.limits?.unsavedBytes, 15],
    "epsilon-ms": ["16", ({ options }) => options.epsilonMs, 16],
    "forget-loss-after-ms": ["18", ({ options }) => options.forgetLossAfterMs, 18],
    "drain-ms": ["17", ({ drainMs }) => drainMs, 17],
    "log-level": ["debug", ({ logLevel }) => logLevel, "debug"],
  };
const FILES = { other: "other secret that is at least thirty-two bytes", cert: "CERT", key: "KEY", ca: "CA" };
/** TLS wants both. */
const BESIDE: Readonly<Record<string, readonly string[]>> = { "tls-cert": ["--tls-key", "key"], "tls-key": ["--tls-cert", "cert"] };

describe("converge-session relay", () => {
  it("[X11] listens on loopback unless told otherwise, with the secret from the environment", async () => {
    const { command } = await parse(["relay"]);
    expect(command?.options).toMatchObject({ host: "127.0.0.1", port: 7411, secret: SECRET, domain: "default", peers: [] });
    expect(command).toMatchObject({ drainMs: 5_000, logLevel: "info", warnings: [], readTls: undefined });
  });

  it("[X11] takes the secret from a file, without the line's end", async () => {
    const { command } = await parse(["relay", "--secret-file", "f", "--domain", "shop", "--listen", "0.0.0.0:0"]);
    expect(command?.options).toMatchObject({ host: "0.0.0.0", port: 0, secret: SECRET, domain: "shop" });
  });

  it.each(["127.0.0.1:7411", "0.0.0.0:7411", "[::]:7411", "relay.example:7411"])(
    "[X11] refuses %s without a secret of 32 bytes, says how to make one, and has no flag that would take one",
    async (listen) => {
      const missing = await refusal(["relay", "--listen", listen], { variables: {} });
      expect(missing).toMatch(/--secret-file.*CONVERGE_SESSION_SECRET.*openssl rand -base64 33/);
      const short = await refusal(["relay", "--listen", listen], { variables: { [SECRET_VARIABLE]: "x".repeat(31) } });
      expect(short).toMatch(/at least 32 bytes.*openssl rand -base64 33/);
      expect(short).not.toContain("xxx");
      expect(await parse(["relay", "--listen", listen, "--secret", SECRET])).toMatchObject({ exitCode: 1 });
    },
  );

  it("[X11] warns of secrets that every user can read, and of an address that others reach without TLS", async () => {
    const { command } = await parse(["relay", "--secret-file", "f", "--listen", "10.0.0.1:1"], { modes: { f: 0o644 } });
    expect(command?.warnings).toEqual([
      expect.stringMatching(/^f can be read by every user.*chmod 600/),
      expect.stringMatching(/--tls-cert/),
    ]);
    const tls = ["--listen", "10.0.0.1:1", "--tls-cert", "cert", "--tls-key", "key"];
    expect((await parse(["relay", ...tls], { files: FILES, modes: { key: 0o604, cert: 0o644 } })).command?.warnings).toEqual([
      expect.stringMatching(/^key can be read by every user/),
    ]);
  });

  it.each([
    ["[::1]:7411", "::1", 7411],
    [":80", "127.0.0.1", 80],
    ["80", "127.0.0.1", 80],
    ["relay.example:65535", "relay.example", 65_535],
  ])("reads the address %s", async (value, host, port) => {
    const { command } = await parse(["relay", "--listen", value]);
    expect(command?.options).toMatchObject({ host, port });
  });

  it.each(["host", "host:", "host:70000", "host:-1", "a:b:1"])("refuses the address %j", async (value) => {
    expect(await refusal(["relay", "--listen", value])).toMatch(/--listen: it must look like 127\.0\.0\.1:7411/);
  });

  it.each([
    ["peer", "http://10.0.0.2"],
    ["peer", "ws://user:secret@10.0.0.2"],
    ["session-count", "1e6"],
    ["session-count", "-1"],
    ["log-level", "loud"],
  ])("[X10] refuses --%s %s, and names the setting but not what it was set to", async (name, value) => {
    for (const [args, variables, where] of [
      [["relay", `--${name}=${value}`], {}, `--${name}: `],
      [["relay"], { [variableOf(name)]: value }, `${variableOf(name)}: `],
    ] as const) {
      const output = await refusal(args, { variables: { ...variables, [SECRET_VARIABLE]: SECRET } });
      expect(output).toContain(where);
      expect(output.replace(where, "")).not.toContain(value);
    }
  });

  it("wants both halves of TLS", async () => {
    expect(await refusal(["relay", "--tls-cert", "cert"], { files: FILES })).toMatch(/--tls-cert and --tls-key/);
    expect(await refusal(["relay", "--tls-cert", "cert", "--tls-key", "gone"], { files: FILES })).toMatch(/tls-key cannot be read: ENOENT/);
  });
});

describe("where a setting comes from", () => {
  it.each(NAMES)("[X10] %s: its flag counts before the environment, that before the file, that before the default", async (name) => {
    const [text, arrives, as] = EXAMPLES[name];
    const args = ["relay", ...(BESIDE[name] ?? [])];
    const variables = { [SECRET_VARIABLE]: SECRET };
    // Most settings could not even be used with this.
    const unusable = "no such thing";
    const inFile = { "c.json": JSON.stringify({ [name]: text }), "c.toml": `${name} = ${JSON.stringify(text)}` };
    const arrived = async (more: readonly string[], machine: Machine): Promise<unknown> => {
      const { command, output } = await parse([...args, ...more], { ...machine, files: { ...FILES, ...machine.files } });
      if (command === undefined) throw new Error(output);
      return arrives(command);
    };
    if (BESIDE[name] === undefined) expect(await arrived([], { variables })).not.toEqual(as);
    for (const path of ["c.json", "c.toml"]) {
      expect(await arrived(["--config", path], { variables, files: inFile })).toEqual(as);
      expect(await arrived([], { variables: { ...variables, CONVERGE_SESSION_CONFIG: path }, files: inFile })).toEqual(as);
    }
    const broken = { "c.json": JSON.stringify({ [name]: unusable }) };
    expect(await arrived(["--config", "c.json"], { variables: { ...variables, [variableOf(name)]: text }, files: broken })).toEqual(as);
    const variablesToo = { ...variables, [variableOf(name)]: unusable };
    expect(await arrived(["--config", "c.json", `--${name}`, text], { variables: variablesToo, files: broken })).toEqual(as);
  });

  it("[X10] lists: a flag for each, a list in the file, commas or spaces in the environment", async () => {
    const both = ["ws://a:1", "wss://b.example"];
    const variables = { [SECRET_VARIABLE]: SECRET };
    expect((await parse(["relay", "--peer", "ws://a:1", "--peer", "wss://b.example"])).command?.options.peers).toEqual(both);
    const files = { "c.toml": 'peer = ["ws://a:1", "wss://b.example"]' };
    expect((await parse(["relay", "--config", "c.toml"], { files })).command?.options.peers).toEqual(both);
    for (const text of ["ws://a:1,wss://b.example", "ws://a:1, wss://b.example", "ws://a:1 wss://b.example"]) {
      const { command } = await parse(["relay"], { variables: { ...variables, CONVERGE_SESSION_PEER: text } });
      expect(command?.options.peers).toEqual(both);
    }
  });

  it.each([
    ["c.toml", "liste = 1", /"liste" is not a setting; there are listen, /],
    ["c.toml", 'secret = "CANARY"', /a secret does not belong into a config file.*secret-file/],
    ["c.toml", 'domain = "CANARY\nlisten = 1', /c\.toml: it is no valid TOML \(line 1/],
    ["c.json", '{ "domain": CANARY }', /c\.json: it is no valid JSON/],
    ["c.json", "[]", /it must hold names and values/],
    ["c.json", '{ "domain": { "CANARY": 1 } }', /c\.json, domain: it must be a text/],
    ["c.json", '{ "session-count": 1.5 }', /c\.json, session-count: it must be a text, or a whole number/],
    ["c.json", '{ "peer": ["ws://a:1", 2] }', /c\.json, peer: it must be a text, or a list of texts/],
    ["c.ini", "domain=shop", /must end in \.toml or \.json/],
  ])("[X10] refuses %s with %j", async (path, content, words) => {
    const output = await refusal(["relay", "--config", path], { files: { [path]: content } });
    expect(output).toMatch(words);
    expect(output).not.toContain("CANARY");
  });

  it("[X10] says which config file cannot be read", async () => {
    expect(await refusal(["relay", "--config", "gone.toml"])).toMatch(/the config file cannot be read: ENOENT.*gone\.toml/);
  });
});

describe("--help", () => {
  it("[X17] names each flag with its variable, and teaches by examples", async () => {
    const { exitCode, output } = await parse(["relay", "--help"]);
    expect(exitCode).toBe(0);
    const words = output.replaceAll(/\s+/g, " ");
    for (const name of [...NAMES, "config"]) {
      expect(words).toContain(`--${name} <`);
      expect(words).toContain(`(env: ${variableOf(name)})`);
    }
    expect(words).toMatch(/default: 127\.0\.0\.1:7411/);
    expect(output).toMatch(/relays\(\["ws:\/\/127\.0\.0\.1:7411"\]/);
    for (const example of [/One relay/, /A pair/, /--tls-cert relay\.crt/, /systemd/, /SIGTERM/, /SIGHUP/]) expect(output).toMatch(example);
  });

  it("[X17] the examples are commands that it takes", async () => {
    const { output } = await parse(["relay", "--help"]);
    const commands = [...output.matchAll(/^ {2}converge-session (relay --.*?)(?: {2,}#.*)?$/gm)].map(([, args = ""]) => args.split(" "));
    expect(commands.length).toBeGreaterThan(3);
    for (const args of commands) {
      const { command } = await parse(args, { files: { ...FILES, secret: SECRET, "relay.crt": "CERT", "relay.key": "KEY" } });
      expect(command).toBeDefined();
    }
  });

  it("[X17] tells its version", async () => {
    expect((await parse(["--version"])).output).toBe("1.2.3\n");
  });
});
