import type { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { type CliEnvironment, commandLine, SECRET_VARIABLE } from "./cli-options.ts";
import type { RelayOptions } from "./relay.ts";

const SECRET = "a secret that is at least thirty-two bytes long";

/** Runs the command line; what it would start, or how and with which words it ended. */
async function parse(
  args: string[],
  environment: Partial<CliEnvironment> = {},
): Promise<{ options?: RelayOptions; exitCode?: number; output: string }> {
  let options: RelayOptions | undefined;
  let output = "";
  const program = commandLine({ variables: {}, readFile: () => `${SECRET}\n`, ...environment }, async (parsed) => void (options = parsed));
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: (text) => (output += text), writeErr: (text) => (output += text) });
  }
  try {
    await program.parseAsync(["node", "converge-session", ...args]);
  } catch (error) {
    return { exitCode: (error as CommanderError).exitCode, output };
  }
  return options === undefined ? { output } : { options, output };
}

describe("converge-session relay", () => {
  it("listens on loopback unless told otherwise, with the secret from the environment", async () => {
    const { options } = await parse(["relay"], { variables: { [SECRET_VARIABLE]: SECRET } });
    expect(options).toEqual({ host: "127.0.0.1", port: 7411, secret: SECRET, domain: "default" });
  });

  it("takes the secret from a file, without the line's end", async () => {
    const { options } = await parse(["relay", "--secret-file", "f", "--domain", "shop", "--listen", "0.0.0.0:0"]);
    expect(options).toEqual({ host: "0.0.0.0", port: 0, secret: SECRET, domain: "shop" });
  });

  it.each([
    ["[::1]:7411", "::1", 7411],
    [":80", "127.0.0.1", 80],
    ["80", "127.0.0.1", 80],
    ["relay.example:65535", "relay.example", 65_535],
  ])("reads the address %s", async (value, host, port) => {
    const { options } = await parse(["relay", "--secret-file", "f", "--listen", value]);
    expect(options).toMatchObject({ host, port });
  });

  it.each(["", "host", "host:", "host:70000", "host:-1", "a:b:1"])("refuses the address %j", async (value) => {
    expect(await parse(["relay", "--secret-file", "f", "--listen", value])).toMatchObject({ exitCode: 1 });
  });

  it("refuses to start without a secret, and has no flag that would take one", async () => {
    const refused = await parse(["relay"]);
    expect(refused).toMatchObject({ exitCode: 1 });
    expect(refused.output).toMatch(/--secret-file/);
    expect(await parse(["relay", "--secret", SECRET])).toMatchObject({ exitCode: 1 });
  });

  it("teaches with an example", async () => {
    const { exitCode, output } = await parse(["relay", "--help"]);
    expect(exitCode).toBe(0);
    expect(output).toMatch(/default:\s+127\.0\.0\.1:7411/);
    expect(output).toMatch(/relays\(\["ws:\/\/127\.0\.0\.1:7411"\]/);
  });
});
