import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import type { Edit } from "./mutant.ts";

const ROOT = join(import.meta.dirname, "../../..");

/**
 * Writes a program and all of this repository that it imports to one file, with the edits made on the way: nothing of the repository changes, and no copy of
 * it is needed. Packages are imported from where they are. Resolves to the edits of files that are no part of it. @throws when one does not fit exactly once
 */
export async function bundle(program: string, edits: readonly Edit[], outfile: string): Promise<ReadonlySet<Edit>> {
  const unused = new Set(edits);
  await build({
    stdin: { contents: program, resolveDir: ROOT, loader: "ts" },
    outfile,
    bundle: true,
    packages: "external",
    // Programs import tests for what they do.
    ignoreAnnotations: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "silent",
    plugins: [
      {
        name: "edits",
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            let text = await readFile(path, "utf8");
            const file = relative(ROOT, path);
            for (const edit of edits.filter((each) => each.file === file)) {
              text = edited(text, edit);
              unused.delete(edit);
            }
            return { contents: placed(text, path), loader: "ts" };
          });
        },
      },
    ],
  });
  return unused;
}

/** @throws when what is to be mutated is nothing that a trial runs */
export function expectAllUsed(unused: Iterable<Edit>): void {
  for (const { file } of unused) throw new Error(`a mutant edits ${file}, which its trial does not load`);
}

/** What a module asks of its own place is that of its source. */
function placed(text: string, path: string): string {
  return text
    .replaceAll("import.meta.dirname", () => JSON.stringify(dirname(path)))
    .replaceAll("import.meta.filename", () => JSON.stringify(path))
    .replaceAll("import.meta.url", () => JSON.stringify(pathToFileURL(path).href));
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
