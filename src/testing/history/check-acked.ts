import { missingFrom } from "./contents.ts";
import type { Finding } from "./finding.ts";
import { bySession, type History, type Operation } from "./history.ts";

const WRITES: ReadonlySet<string> = new Set(["create", "set", "push", "add"]);

export const isWrite = ({ kind }: Operation): boolean => WRITES.has(kind);

/**
 * Acknowledged writes are there in the end, each once, on each of the `nodes`; and the nodes show the same. A write that failed did not
 * happen; one whose outcome is unknown may have. Sessions that ended, or whose id may have changed without the browser hearing of it, are
 * not looked at: nobody can read them.
 */
export function checkAcked({ operations }: Pick<History, "operations">, nodes: readonly string[]): Finding {
  const violations: string[] = [];
  const counts = { ackedWrites: 0, ackedWritesChecked: 0, lostAcked: 0, sessionsChecked: 0, diverged: 0 };
  for (const [session, all] of bySession(operations)) {
    const writes = all.filter(isWrite);
    const acked = writes.filter(({ outcome }) => outcome === "ok").length;
    counts.ackedWrites += acked;
    if (!isReadable(all)) continue;
    counts.sessionsChecked += 1;
    counts.ackedWritesChecked += acked;
    const shown = new Set<string>();
    for (const node of nodes) {
      const final = all.findLast((each) => each.kind === "final" && each.node === node);
      if (final?.outcome !== "ok" || final.view?.born !== session) {
        counts.lostAcked += acked;
        violations.push(`${session} cannot be read on ${node} in the end: ${final?.status ?? "not asked"} ${final?.code ?? ""}`);
        continue;
      }
      shown.add(canonical(final.view));
      const missing = missingFrom(final.view, writes, () => true);
      counts.lostAcked += missing.length;
      violations.push(...missing.map((what) => `${session} on ${node}: ${what}`));
    }
    if (shown.size > 1) {
      counts.diverged += 1;
      violations.push(`${session} differs between nodes in the end`);
    }
  }
  return { violations, counts };
}

/** It began, and nothing that ends it or changes its id may have happened without the browser knowing. */
function isReadable(all: readonly Operation[]): boolean {
  if (!all.some(({ kind, outcome }) => kind === "create" && outcome === "ok")) return false;
  return !all.some(({ kind, outcome }) => (kind === "logout" && outcome !== "fail") || (kind === "login" && outcome === "info"));
}

/** Text that is equal for equal views, whatever the order of their attributes. */
export function canonical(view: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(view).sort(([left], [right]) => (left < right ? -1 : 1))));
}
