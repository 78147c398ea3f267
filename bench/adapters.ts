import { addedBySessions, benchExpress } from "./express.ts";
import type { AddedBySessions } from "./express.ts";

/**
 * What sessions add to a request's CPU time beyond the bare framework: ours in memory against the framework's own session library with its
 * memory store, for each framework. Rules as in `benchExpress`.
 */
export async function benchAdapters(): Promise<Readonly<Record<"express" | "fastify" | "koa", AddedBySessions>>> {
  const measured = async (name: string, run: () => Promise<AddedBySessions>): Promise<AddedBySessions> => {
    process.stderr.write(`${name}\n`);
    return run();
  };
  return {
    express: await measured("express", benchExpress),
    fastify: await measured("fastify", () => addedBySessions("./adapters-server.ts", ["fastify"])),
    koa: await measured("koa", () => addedBySessions("./adapters-server.ts", ["koa"])),
  };
}
