import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "vitest";

/** Programs that are not npm packages: what they are called on Debian and elsewhere, and how to get them. */
const TOOLS = {
  openssl: { commands: ["openssl"], install: "apt-get install openssl" },
  "systemd-analyze": { commands: ["systemd-analyze"], install: "apt-get install systemd" },
  nft: { commands: ["nft"], install: "apt-get install nftables" },
  ip: { commands: ["ip"], install: "apt-get install iproute2" },
  faketime: { commands: ["faketime"], install: "apt-get install faketime libfaketime" },
  setpriv: { commands: ["setpriv"], install: "apt-get install util-linux" },
  chromium: { commands: ["chromium", "chromium-browser", "google-chrome"], install: "apt-get install chromium" },
} as const;

/**
 * Path of a program that a test needs. Where it is missing, a laptop skips the test and says so; CI, which installs
 * everything (.ci/run), fails it: a check that did not run must not look like one that passed.
 */
export function requireTool(name: ToolName, test: Pick<TestContext, "skip">): string {
  return findTool(TOOLS[name].commands) ?? cannotRun(missingTool(name) ?? "", test);
}

export type ToolName = keyof typeof TOOLS;

/** That a program is missing, and how to get it; undefined where it is there. */
export function missingTool(name: ToolName): string | undefined {
  return findTool(TOOLS[name].commands) === undefined ? `${name} is not on PATH (${TOOLS[name].install})` : undefined;
}

/** CI installs everything (.ci/run), and fails; elsewhere the test is skipped and says why. */
export function cannotRun(why: string, test: Pick<TestContext, "skip">): never {
  if (process.env["CI"]) throw new Error(why);
  return test.skip(why);
}

function findTool(commands: readonly string[]): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const command of commands) {
    const found = folders.map((folder) => join(folder, command)).find(isExecutable);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
