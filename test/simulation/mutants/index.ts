import { ADAPTER_MUTANTS } from "./adapter-mutants.ts";
import { DOCUMENT_MUTANTS } from "./document-mutants.ts";
import { ENVELOPE_MUTANTS } from "./envelope-mutants.ts";
import { ALONE_MUTANTS } from "./alone-mutants.ts";
import { CLOCK_MUTANTS } from "./clock-mutants.ts";
import { HANDLE_MUTANTS } from "./handle-mutants.ts";
import { REGISTRY_MUTANTS } from "./registry-mutants.ts";
import { RELAY_MUTANTS } from "./relay-mutants.ts";
import { STORE_MUTANTS } from "./store-mutants.ts";
import { TOKEN_MUTANTS } from "./token-mutants.ts";
import { VALUE_MUTANTS } from "./value-mutants.ts";
import type { Mutant, SourceMutant } from "./mutant.ts";
import { SEAM_MUTANTS } from "./seam-mutants.ts";
import { SYNC_MUTANTS } from "./sync-mutants.ts";

export const SOURCE_MUTANTS: readonly SourceMutant[] = [
  ...ALONE_MUTANTS,
  ...ENVELOPE_MUTANTS,
  ...DOCUMENT_MUTANTS,
  ...SYNC_MUTANTS,
  ...ADAPTER_MUTANTS,
  ...VALUE_MUTANTS,
  ...CLOCK_MUTANTS,
  ...REGISTRY_MUTANTS,
  ...HANDLE_MUTANTS,
  ...STORE_MUTANTS,
  ...RELAY_MUTANTS,
  ...TOKEN_MUTANTS,
];

/**
 * Faults that are planted to see whether they are found out (`npm run sim -- --mutants`). Nearly all are edits of the shipped source, made
 * in a copy of it and run from there: so each is a fault that somebody could write, and nothing that ships knows of them. An edit that
 * does not fit any more fails the run.
 */
export const MUTANTS: readonly Mutant[] = [...SEAM_MUTANTS, ...SOURCE_MUTANTS];
