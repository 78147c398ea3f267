/** What the race app of this package exists for. */
export const RACE_FRAMEWORKS = ["express", "fastify", "koa"] as const;

export type RaceFramework = (typeof RACE_FRAMEWORKS)[number];

export function isFramework(name: string): name is RaceFramework {
  return RACE_FRAMEWORKS.some((framework) => framework === name);
}
