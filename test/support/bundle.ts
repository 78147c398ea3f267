import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { buildSync } from "esbuild";

/** Beside the packages, so that the bundle finds them. */
const FOLDER = join("node_modules", ".cache", `converge-session-bundles-${process.pid}`);

const bundles = new Map<string, string>();

/**
 * One of this repository's TypeScript programs as a single JavaScript file, which starts in a third of the time, for what starts many processes. Made
 * once a run, and removed at its end.
 */
export function bundleOf(file: string): string {
  const known = bundles.get(file);
  if (known !== undefined) return known;
  if (bundles.size === 0) {
    mkdirSync(FOLDER, { recursive: true });
    process.once("exit", removeBundles);
  }
  const bundle = join(FOLDER, `${bundles.size}-${basename(file, ".ts")}.mjs`);
  buildSync({
    entryPoints: [file],
    outfile: bundle,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    // It would read tsconfig.json, and warn of what only the type checker uses.
    tsconfigRaw: "{}",
  });
  bundles.set(file, bundle);
  return bundle;
}

/** For who knows that no process starts any more: a test's process may be ended before it hears of its exit. */
export function removeBundles(): void {
  bundles.clear();
  rmSync(FOLDER, { recursive: true, force: true });
}
