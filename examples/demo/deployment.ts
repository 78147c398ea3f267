import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "./program.ts";

/** The programs behind the demo's one URL. */
export interface Deployment {
  readonly relays: readonly Program[];
  readonly nodes: readonly Program[];
  readonly classic: Program;
  stop(): Promise<void>;
}

export interface DeploymentOptions {
  /**
   * How many relays must have a write, on their disks, before its response goes out; where they do not say so in time, the response is an error.
   * Default 0: the response waits for nobody.
   */
  readonly acks?: number;
}

const RELAY_FILE = "src/relay/main.ts";
const NODE_FILES = ["examples/demo/nodes/express.ts", "examples/demo/nodes/fastify.ts", "examples/demo/nodes/koa.ts"];
const NODE_NAMES = ["Node A", "Node B", "Node C"];

/** Starts two relays, three nodes and the shop on express-session, and starts again whatever of them ends by itself. */
export async function startDeployment(print: (line: string) => void, options: DeploymentOptions = {}): Promise<Deployment> {
  const environment = {
    SESSION_SECRET: randomBytes(32).toString("base64url"),
    CONVERGE_SESSION_SECRET: randomBytes(32).toString("base64url"),
    DEMO_ACKS: String(options.acks ?? 0),
  };
  const folder = await mkdtemp(join(tmpdir(), "converge-session-demo-"));
  const programs: Program[] = [];
  const start = async (name: string, file: string, args: readonly string[]): Promise<Program> => {
    const program = new Program({ name, file, args, environment }, print);
    programs.push(program);
    await program.start();
    return program;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  const relayArguments = (name: string, port: string, peers: readonly string[]): string[] => [
    "relay",
    "--listen",
    `127.0.0.1:${port}`,
    "--data",
    join(folder, name),
    "--log-level",
    "warn",
    ...peers.flatMap((peer) => ["--peer", peer]),
  ];
  const startRelays = async (): Promise<Program[]> => {
    const first = await start("Relay 1", RELAY_FILE, relayArguments("relay-1", "0", []));
    const second = await start("Relay 2", RELAY_FILE, relayArguments("relay-2", "0", [addressOf(first)]));
    // Where everybody knows them to be, should they have to be started again.
    first.arguments = relayArguments("relay-1", new URL(addressOf(first)).port, [addressOf(second)]);
    second.arguments = relayArguments("relay-2", new URL(addressOf(second)).port, [addressOf(first)]);
    return [first, second];
  };
  const startOurs = async (): Promise<{ relays: Program[]; nodes: Program[] }> => {
    const relays = await startRelays();
    const addresses = relays.map(addressOf);
    const nodes = NODE_NAMES.map((name, index) => start(name, NODE_FILES[index] ?? "", [name, ...addresses]));
    return { relays, nodes: await Promise.all(nodes) };
  };
  try {
    const [ours, classic] = await Promise.all([startOurs(), start("express-session", "examples/demo/nodes/classic.ts", [])]);
    return { ...ours, classic, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function addressOf(program: Program): string {
  const address = program.address();
  if (address === undefined) throw new Error(`${program.name} ended right after it began; start the demo again.`);
  return address;
}
