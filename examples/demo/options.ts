import { parseArgs } from "node:util";
import { isFramework, RACE_FRAMEWORKS, type RaceFramework } from "./race/frameworks.ts";

/** Where the shop is, unless something else is there already. */
export const DEFAULT_PORT = 3000;

export type DemoCommand =
  | { readonly kind: "help" }
  /** `port` undefined: the default one, or any free one where that is taken. */
  | { readonly kind: "shop"; readonly port: number | undefined }
  | { readonly kind: "race"; readonly framework: RaceFramework };

export const HELP = `npm run demo [-- options]

A shop on two nodes (Express and Fastify) and a relay, beside the same shop on express-session.

  --port <number>       where it listens (default ${DEFAULT_PORT}, or a free port where that is taken; 0: a free port)
  --race                instead of the shop: races against ours and against express-session, a table, and one line of JSON
  --framework <name>    with --race: ${RACE_FRAMEWORKS.join(", ")} (default express)
  --help                this text`;

/** @throws Error that says what is wrong with an argument. */
export function commandOf(args: readonly string[]): DemoCommand {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string" },
      race: { type: "boolean", default: false },
      framework: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return { kind: "help" };
  if (!values.race) {
    if (values.framework !== undefined) throw new Error("--framework belongs to --race: the shop always runs on Express and Fastify.");
    return { kind: "shop", port: values.port === undefined ? undefined : portOf(values.port) };
  }
  if (values.port !== undefined) throw new Error("--port belongs to the shop: the races take free ports.");
  const framework = values.framework ?? "express";
  if (!isFramework(framework)) throw new Error(`--framework must be one of ${RACE_FRAMEWORKS.join(", ")}.`);
  return { kind: "race", framework };
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new Error("--port must be a number between 0 and 65535.");
  return port;
}
