import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { afterEach, describe, expect, it } from "vitest";
import { commandLine, type RelayCommand } from "../../src/relay/cli-options.ts";
import { startProcess, type TestProcess } from "../support/process.ts";
import { TEST_SECRET } from "../support/relay-holder.ts";
import { RelayBench } from "../support/relay-program.ts";
import { requireTool } from "../support/tools.ts";

const FOLDER = join(import.meta.dirname, "../../examples/deploy");
const UNIT = "converge-session-relay.service";
const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");

const bench = new RelayBench();
const programs: TestProcess[] = [];
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
  await bench.cleanUp();
});

/** What the relay's own command line makes of these arguments; throws what it says of those that it does not take. */
async function told(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<RelayCommand> {
  let command: RelayCommand | undefined;
  let output = "";
  const files = { read: (path: string) => (path.endsWith(".toml") ? readFileSync(path, "utf8") : TEST_SECRET), mode: () => 0o600 };
  const program = commandLine({ variables, files, version: "0" }, async (parsed) => void (command = parsed));
  for (const each of [program, ...program.commands]) each.exitOverride().configureOutput({ writeErr: (text) => (output += text) });
  await program.parseAsync(["node", "converge-session", ...args]).catch(() => undefined);
  if (command === undefined) throw new Error(output);
  return command;
}

describe("the systemd unit", () => {
  it("[X18] passes systemd-analyze verify", (test) => {
    const folder = bench.folder();
    copyFileSync(join(FOLDER, UNIT), join(folder, UNIT));
    const output = execFileSync(requireTool("systemd-analyze", test), ["verify", join(folder, UNIT)], { encoding: "utf8", stdio: "pipe" });
    expect(output).toBe("");
  });

  it("[X18] sets only flags that there are, takes its secret from a credential, and leaves time to drain", async () => {
    const unit = read(UNIT).replaceAll("\\\n", " ");
    const [, line = ""] = /^ExecStart=\/usr\/bin\/env converge-session (.*)$/m.exec(unit) ?? [];
    const { options, drainMs } = await told(line.trim().split(/\s+/));
    expect(options).toMatchObject({ host: "127.0.0.1", data: "${STATE_DIRECTORY}", secret: TEST_SECRET });
    expect(line).toContain("--secret-file ${CREDENTIALS_DIRECTORY}/secret");
    const [, stopSeconds] = /^TimeoutStopSec=(\d+)$/m.exec(unit) ?? [];
    expect(Number(stopSeconds) * 1_000).toBeGreaterThan(drainMs + 5_000);
  });
});

describe("the compose file", () => {
  /** Enough of YAML for this file: the commands, and the environment of services, are on lines of their own. */
  const compose = read("compose.yaml");
  const commands = [...compose.matchAll(/^ +command: (\[.*\])$/gm)].map(([, command = ""]) => JSON.parse(command) as string[]);

  it("[X18] sets only flags that there are, and each relay names the other", async () => {
    const commandsTold = await Promise.all(commands.map((args) => told(args)));
    expect(commandsTold.map(({ options }) => [options.peers, options.data])).toEqual([
      [["ws://relay-b:7411"], "/data"],
      [["ws://relay-a:7411"], "/data"],
    ]);
    expect(compose).toContain("RELAYS: ws://relay-a:7411,ws://relay-b:7411");
  });

  it("[X18] its readiness probe works, and its application counts visits across its nodes", async () => {
    const folder = bench.folder();
    const secretFile = join(folder, "secret");
    writeFileSync(secretFile, `${TEST_SECRET}\n`, { mode: 0o600 });
    const relay = await bench.relay(["--secret-file", secretFile]);
    const [, probe = ""] = /^ +test: (\[.*\])$/m.exec(compose) ?? [];
    const [, node, ...args] = JSON.parse(probe) as string[];
    expect(node).toBe("node");
    const probeAt = (port: number): void =>
      void execFileSync(
        process.execPath,
        args.map((each) => each.replace("7411", String(port))),
      );
    probeAt(relay.port);

    const variables = { RELAYS: relay.address, SECRET_FILE: secretFile, COOKIE_SECRET_FILE: secretFile, PORT: "0", NODE_ENV: "production" };
    for (const name of Object.keys(variables).filter((each) => each.endsWith("_FILE") || each === "RELAYS")) {
      expect(compose).toContain(`${name}: `);
    }
    const urls: string[] = [];
    for (let i = 0; i < 2; i += 1) {
      const app = startProcess(join(FOLDER, "app.ts"), [], variables);
      programs.push(app);
      urls.push((await app.waitForLine(/^listening on (\S+)$/))[1] ?? "");
    }
    let cookie = "";
    const visit = async (url = ""): Promise<string> => {
      const response = await fetch(url, { headers: { "x-forwarded-proto": "https", cookie } });
      const set = response.headers.getSetCookie().map((each) => each.split(";", 1)[0]);
      if (set.length > 0) cookie = set.join("; ");
      return response.text();
    };
    expect(await visit(urls[0])).toBe("visit 1\n");
    expect(await visit(urls[1])).toBe("visit 2\n");

    relay.process.signal("SIGTERM");
    await relay.process.ended();
    expect(() => probeAt(relay.port)).toThrow(/Command failed/);
  }, 90_000);
});

describe("the config file", () => {
  it("[X18] sets only what there is", async () => {
    const { options } = await told(["relay", "--config", join(FOLDER, "relay.toml")]);
    const file = parseToml(read("relay.toml"));
    expect(options).toMatchObject({ domain: file["domain"], peers: file["peer"], data: file["data"], limits: { sessionCount: 2_000_000 } });
  });
});
