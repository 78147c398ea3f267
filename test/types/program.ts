import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Parsed once for all programs: the library and the sources do not change meanwhile. */
const parsed = new Map<string, ts.SourceFile | undefined>();

/** An application's file that does not exist, compiled against the real sources; `absent` packages cannot be found. Its errors, by code and line. */
export function errorsOf(source: string, absent: readonly string[], declared: Readonly<Record<string, string>> = {}): string[] {
  const main = join(ROOT, "test/types/application.ts");
  const files: Record<string, string> = { [main]: source };
  const paths: Record<string, string[]> = {};
  for (const [name, text] of Object.entries(declared)) {
    const path = join(ROOT, "test/types", `${name.replaceAll(/\W/g, "-")}.d.ts`);
    files[path] = text;
    paths[name] = [path];
  }
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, paths, types: ["node"], incremental: false }, ROOT);
  const host = ts.createCompilerHost(options);
  const original = { ...host };
  const isAbsent = (path: string): boolean =>
    absent.some((name) => path.includes(`node_modules/${name}/`) || path.includes(`@types/${name}/`));
  host.fileExists = (path) => path in files || (!isAbsent(path) && original.fileExists(path));
  host.readFile = (path) => files[path] ?? original.readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const text = files[path];
    if (text !== undefined) return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023);
    if (!parsed.has(path)) parsed.set(path, original.getSourceFile(path, ...rest));
    return parsed.get(path);
  };
  const program = ts.createProgram([main], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, code }) => {
    const place =
      file === undefined || start === undefined
        ? ""
        : `${file.fileName.slice(ROOT.length)}:${ts.getLineAndCharacterOfPosition(file, start).line + 1}`;
    return `TS${code} ${place}`;
  });
}

/** Where errors are, each place once. */
export function linesOf(errors: readonly string[]): string[] {
  return [...new Set(errors.map((error) => error.slice(error.indexOf(" ") + 1)))];
}

/** The lines of an application that are marked ✗: those that must not compile. */
export function markedLines(source: string): string[] {
  return source.split("\n").flatMap((line, index) => (line.includes("✗") ? [`test/types/application.ts:${index + 1}`] : []));
}
