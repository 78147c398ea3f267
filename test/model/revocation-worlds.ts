/** What may happen to the sessions of one subject. Times in ticks, of which one is ε: `EPSILON_MS`. */
export interface RevocationWorld {
  readonly name: string;
  readonly about: string;
  readonly nodeCount: number;
  readonly horizon: number;
  /** By how many milliseconds the clock of a node may be ahead of the true time; one list for each node. By less than ε, or it is wrong. */
  readonly offsets: readonly (readonly number[])[];
  readonly logins: number;
  readonly revocations: number;
  /** Nodes may stop and start again. */
  readonly hasRestart: boolean;
}

/** Also of a tick: room for what comes after a register by one or two. */
export const EPSILON_MS = 4;
/** By less than ε. */
const OFF = [0, 2];

export function revocationWorlds(nodeCount: number): readonly RevocationWorld[] {
  const offsets = Array.from({ length: nodeCount }, () => OFF);
  return [
    {
      name: "revocation",
      about: "a login, and everything of its subject is revoked twice, with or without sparing it; restarts; clocks differ by less than ε",
      nodeCount,
      horizon: 3,
      offsets,
      logins: 1,
      revocations: 2,
      hasRestart: true,
    },
    {
      name: "revocation-logins",
      about: "two logins, and everything of their subject is revoked, with or without sparing one; restarts; clocks differ by less than ε",
      nodeCount,
      horizon: 1,
      offsets,
      logins: 2,
      revocations: 1,
      hasRestart: true,
    },
    {
      name: "revocation-ahead",
      about: "a login, and everything of its subject is revoked; the clock of one node is ahead by 3ε",
      nodeCount,
      horizon: 3,
      offsets: [...offsets.slice(1), [3 * EPSILON_MS]],
      logins: 1,
      revocations: 1,
      hasRestart: true,
    },
  ];
}
