import { isByTest } from "./by-tests.ts";
import { shipped } from "./bundle.ts";
import type { Mutant } from "./mutant.ts";

/** Laws that have no mutant, and why: by id, or by the letters that their ids begin with. */
const WITHOUT_MUTANT: Readonly<Record<string, string>> = {
  A22: "nothing of ours looks whether the client is there",
  A24: "the sum of other laws, under load",
  A25: "of types: the compiler tells, nothing runs",
  A29: "options of express-session: compared with that library itself (A45)",
  A30: "a store for express-session: compared with that library itself (A45)",
  A34: "other transports under Express: nothing of ours decides",
  A36: "methods of @fastify/session: compared with that library itself (A45)",
  A37: "options of @fastify/session: compared with that library itself (A45)",
  A38: "where the plugin stands in Fastify: nothing of ours decides",
  A39: "other libraries as they are",
  A45: "a comparison of whole programs",
  A46: "the sum of other laws, in three processes",
  A53: "the order of Koa's own middleware",
  A54: "another library as it is",
  D24: "of types: the compiler tells, nothing runs",
  O: "figures and spans, by which nothing is decided",
  R7: "a figure of memory, by which nothing is decided",
  S: "histories of the laws D1 to D20, some of whose mutants they catch",
  ST10: "of LMDB alone: real files and processes",
  ST11: "of LMDB alone: real files and processes",
  ST12: "of LMDB alone: real files and processes",
  ST13: "of LMDB alone: real files and processes",
  ST14: "of LMDB alone: real files and processes",
  ST15: "of LMDB alone: real files and processes",
  ST16: "of LMDB alone: real files and processes",
  SY9: "of `kill -9`: the kernel sends what was written",
  SY31: "a warning in processes that another program starts",
  T: "of the kit: its tests give it faults to find",
  X: "of whole programs, started as users start them",
};

/** In the order of SPEC.md. */
export async function lawsOfSpec(): Promise<string[]> {
  return [...(await shipped("SPEC.md")).matchAll(/^\| ([A-Z]+\d+b?) \|/gm)].map(([, law = ""]) => law);
}

/** Why a law has no mutant; undefined: it must have one. */
export function reasonWithout(law: string): string | undefined {
  return WITHOUT_MUTANT[law] ?? WITHOUT_MUTANT[law.replace(/\d.*$/, "")];
}

/** The law that alone tells of a mutant: in a whole world, or since a test of no other law is run. */
export function soleLaw(mutant: Mutant): string | undefined {
  const [law, ...others] = mutant.laws;
  return mutant.alone ?? (isByTest(mutant) && others.length === 0 ? law : undefined);
}

/** Of each law, in the order of `laws`, how many mutants break it and which one it alone tells of; a table of Markdown. */
export function lawTable(laws: readonly string[], mutants: readonly Mutant[]): string {
  const rows = laws.flatMap((law) => {
    const own = mutants.filter((mutant) => mutant.laws.includes(law));
    const sole = own.find((mutant) => mutant.alone === law) ?? own.find((mutant) => soleLaw(mutant) === law);
    if (own.length === 0) return [];
    return [`| ${law} | ${own.length} | ${sole?.name ?? ""} | ${sole === undefined ? "" : isByTest(sole) ? "test" : "world"} |`];
  });
  return ["| law | mutants | one that it alone tells of | in a |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** The laws of `laws` that have none; a table of Markdown. */
export function lawsWithout(laws: readonly string[]): string {
  const reasons = new Map<string, string[]>();
  for (const law of laws) {
    const reason = reasonWithout(law);
    if (reason !== undefined) reasons.set(reason, [...(reasons.get(reason) ?? []), law]);
  }
  const rows = [...reasons].map(([reason, those]) => `| ${those.join(" ")} | ${reason} |`);
  return ["| laws | why they have no mutant |", "| --- | --- |", ...rows].join("\n");
}
