import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "../../src/runtime/index.ts";
import type { SessionEngine } from "../../src/engine/index.ts";
import { relays, type RelaysOptions } from "../../src/sync/index.ts";
import { startProcess, type TestProcess } from "./process.ts";
import { TEST_SECRET } from "./relay-holder.ts";

/** `converge-session relay` as a process, and where it listens. */
export interface RelayProgram {
  readonly process: TestProcess;
  /** What it said when it listened. */
  readonly line: string;
  readonly address: string;
  readonly port: number;
  /** Of `/health`, `/ready` and `/metrics`. */
  readonly adminUrl: string;
}

/** Programs, nodes and folders of one test, all gone after `cleanUp`. */
export class RelayBench {
  readonly #processes: TestProcess[] = [];
  readonly #engines: SessionEngine[] = [];
  readonly #folders: string[] = [];

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), "converge-session-"));
    this.#folders.push(folder);
    return folder;
  }

  program(file: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): TestProcess {
    const program = startProcess(file, args, { CONVERGE_SESSION_SECRET: TEST_SECRET, ...environment });
    this.#processes.push(program);
    return program;
  }

  /** The relay, which may have yet to listen, or may refuse to. On any free port unless told otherwise. */
  command(args: readonly string[], environment?: Readonly<Record<string, string>>): TestProcess {
    return this.program("src/relay/main.ts", ["relay", "--listen", "127.0.0.1:0", ...args], environment);
  }

  async relay(args: readonly string[] = [], environment?: Readonly<Record<string, string>>): Promise<RelayProgram> {
    const process = this.command(args, environment);
    const [line, address = "", port, adminUrl = ""] = await process.waitForLine(
      /^converge-session relay listening on (wss?:\/\/\S+:(\d+)) .*admin=(\S+).*$/,
    );
    return { process, line, address, port: Number(port), adminUrl };
  }

  async node(addresses: readonly string[], options: Partial<RelaysOptions> = {}): Promise<SessionEngine> {
    const engine = createEngine({ sync: relays(addresses, { alone: "serve", secret: TEST_SECRET, ...options }) });
    this.#engines.push(engine);
    await engine.ready;
    return engine;
  }

  async cleanUp(): Promise<void> {
    await Promise.all(this.#engines.splice(0).map((engine) => engine.close()));
    await Promise.all(this.#processes.splice(0).map((program) => program.stop()));
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  }
}

/** A new session with one attribute; its key. */
export function createSession(engine: SessionEngine, name: string, value: unknown): string {
  const session = engine.draft();
  session.identify(engine.issueId());
  session.set(name, value);
  session.commit();
  return session.key ?? "";
}

export function writeSession(engine: SessionEngine, key: string, name: string, value: unknown): void {
  const session = engine.checkOutHot(key);
  if (session === undefined) throw new Error("the session is not alive here");
  session.set(name, value);
  session.commit();
}

/** An attribute of a session, or what became of it. */
export async function readSession(engine: SessionEngine, key: string, name: string): Promise<unknown> {
  const opened = await engine.checkOut(key);
  return opened.kind === "alive" ? opened.session.get(name) : opened.kind;
}

/** The figures of `/metrics`, by name and labels. */
export async function scrape(adminUrl: string): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]));
}
