import { parseArgs } from "node:util";
import { isFramework, RACE_FRAMEWORKS, type RaceFramework } from "./race/frameworks.ts";

/** Where the shop is, unless something else is there already. */
export const DEFAULT_PORT = 3000;

const DRILL_KILLS = 25;

export type DemoCommand =
  | { readonly kind: "help" }
  /** `port` undefined: the default one, or any free one where that is taken. */
  | { readonly kind: "shop"; readonly port: number | undefined }
  /** The shop under load, while what it runs on is killed. */
  | { readonly kind: "drill"; readonly kills: number }
  | { readonly kind: "race"; readonly framework: RaceFramework };

export const HELP = `npm run demo [-- options]

A shop on three nodes (Express, Fastify and Koa) and two relays, beside the same shop on express-session.

  --port <number>       where it listens (default ${DEFAULT_PORT}, or a free port where that is taken; 0: a free port)
  --drill               instead of the page: load, while nodes and relays are killed with -9 one after the other; one line of JSON
  --kills <number>      with --drill: how many (default ${DRILL_KILLS})
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
      drill: { type: "boolean", default: false },
      kills: { type: "string" },
      framework: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return { kind: "help" };
  if (values.drill) {
    if (values.race || values.port !== undefined || values.framework !== undefined)
      throw new Error("--drill takes --kills, and nothing else.");
    const kills = Number(values.kills ?? DRILL_KILLS);
    if (!Number.isInteger(kills) || kills < 1) throw new Error("--kills must be a whole number from 1.");
    return { kind: "drill", kills };
  }
  if (values.kills !== undefined) throw new Error("--kills belongs to --drill.");
  if (!values.race) {
    if (values.framework !== undefined) throw new Error("--framework belongs to --race: the shop always runs on Express, Fastify and Koa.");
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
