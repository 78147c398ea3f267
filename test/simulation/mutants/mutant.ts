import type { Seams } from "../members.ts";
import type { SimulationOptions } from "../simulate.ts";

/** A way back from the dead (reference, reliability and security, section 6.4), which a guard of ours closes. */
export type Guard = "R1" | "R2" | "R3" | "R5" | "R7" | "R9";

interface Planted {
  readonly name: string;
  /** The laws that it breaks: one of them at least must be told of. */
  readonly laws: readonly string[];
  /** This law alone tells of it, in a whole world. */
  readonly alone?: string;
  readonly guard?: Guard;
  /** The kind of frame that is lost, or means something else. */
  readonly message?: string;
  /** A world in which it matters. Default: any. */
  readonly options?: Partial<SimulationOptions>;
}

/** Planted by what the simulator hands to the shipped code. */
export interface SeamMutant extends Planted {
  readonly seams: Seams;
}

/** One piece of shipped text and what stands in its place; the piece must be there exactly once. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

/** Planted by an edit of the shipped source, in a copy of it (`sandbox.ts`): what ships has no switch that plants anything. */
export interface SourceMutant extends Planted {
  readonly edits: readonly Edit[];
  /** Where the simulator cannot see it by its nature: the test that does. */
  readonly test?: TestCase;
}

export interface TestCase {
  readonly project: "unit" | "property" | "integration";
  readonly file: string;
  /** A part of its title. */
  readonly title: string;
  /** It starts relays as processes of their own: they are mutants, too. */
  readonly startsRelays?: true;
}

export type Mutant = SeamMutant | SourceMutant;

export function edit(file: string, before: string, after: string): Edit {
  return { file, before, after };
}

/** Caught by the tests of one law in one file: those whose titles name it. */
export function byTestsOf(law: string, file: string, name: string, edits: readonly Edit[]): SourceMutant {
  const project = file.startsWith("src/") ? "unit" : file.startsWith("test/property/") ? "property" : "integration";
  return { name, laws: [law], edits, test: { project, file, title: `[${law}]` } };
}
