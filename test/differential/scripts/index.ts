import { FRAMEWORKS } from "../script.ts";
import type { Framework, Script } from "../script.ts";
import { commonScripts } from "./common.ts";
import { expressScripts } from "./express.ts";
import { fastifyScripts } from "./fastify.ts";
import { generatedScripts } from "./generate.ts";
import { koaScripts } from "./koa.ts";

export const SEED = 1;
const GENERATED = 80;

const OWN: Readonly<Record<Framework, () => readonly Script[]>> = { express: expressScripts, fastify: fastifyScripts, koa: koaScripts };

/** Hand-written and generated, by framework. */
export function allScripts(seed = SEED): readonly Script[] {
  return FRAMEWORKS.flatMap((framework) => [
    ...commonScripts(framework),
    ...OWN[framework](),
    ...generatedScripts(framework, seed, GENERATED),
  ]);
}
