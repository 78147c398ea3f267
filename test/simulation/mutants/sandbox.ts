import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Edit } from "./mutant.ts";

const ROOT = join(import.meta.dirname, "../../..");
const COPIED = ["src", "test", "package.json", "tsconfig.json", "vitest.config.ts", "SPEC.md"];

/** What a child program said, and how it ended. */
export interface ChildReport {
  readonly lines: readonly string[];
  readonly errorOutput: string;
  /** Undefined: it was ended by a signal. */
  readonly code: number | undefined;
  readonly isTimedOut: boolean;
}

/** A copy of the repository in which edits may be made. */
export class Sandbox {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Sandbox> {
    const folder = await mkdtemp(join(tmpdir(), "converge-mutants-"));
    await Promise.all(COPIED.map((name) => cp(join(ROOT, name), join(folder, name), { recursive: true })));
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
    return new Sandbox(folder);
  }

  /** Runs `work` with the edits made, and undoes them. @throws when one does not fit exactly once: the code has changed, and so must the mutant */
  async with<T>(edits: readonly Edit[], work: () => Promise<T>): Promise<T> {
    const originals = new Map<string, string>();
    for (const edit of edits) {
      const path = join(this.folder, edit.file);
      const text = await readFile(path, "utf8");
      if (!originals.has(path)) originals.set(path, text);
      await writeFile(path, edited(text, edit));
    }
    try {
      return await work();
    } finally {
      for (const [path, text] of originals) await writeFile(path, text);
    }
  }

  /** Runs a program of the copy, to its end or for `timeoutMs`. */
  run(args: readonly string[], timeoutMs: number): Promise<ChildReport> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
      let [output, errorOutput, isTimedOut] = ["", "", false];
      const timer = setTimeout(() => {
        isTimedOut = true;
        child.kill("SIGKILL");
      }, timeoutMs);
      child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (errorOutput += chunk.toString()));
      child.once("error", reject);
      child.once("close", (code) => {
        clearTimeout(timer);
        resolve({ lines: output.split("\n").filter((line) => line !== ""), errorOutput, code: code ?? undefined, isTimedOut });
      });
    });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** @throws when the piece is not there exactly once */
export function edited(text: string, { file, before, after }: Edit): string {
  const count = text.split(before).length - 1;
  if (count !== 1) throw new Error(`a mutant's piece of ${file} is there ${count} times, and must be there once: ${before}`);
  // Not `replace` with a string: `$` means something there.
  return text.replace(before, () => after);
}

/** The shipped text of a file. */
export function shipped(file: string): Promise<string> {
  return readFile(join(ROOT, file), "utf8");
}
