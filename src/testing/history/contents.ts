import type { Operation } from "./history.ts";
import type { View } from "./operation.ts";

/**
 * What of `writes`, all to one session, a view must show and does not. `mustShow` says which acknowledged ones it must; the others may or
 * may not have happened by then.
 */
export function missingFrom(view: View, writes: readonly Operation[], mustShow: (write: Operation) => boolean): string[] {
  const isDue = (write: Operation): boolean => write.outcome === "ok" && mustShow(write);
  return [...missingPushes(view, writes, isDue), ...wrongVisits(view, writes, isDue), ...oldRegisters(view, writes, isDue)];
}

/** An element of the list is the id of the operation that pushed it. */
function missingPushes(view: View, writes: readonly Operation[], isDue: (write: Operation) => boolean): string[] {
  const log = view.log ?? [];
  const shown = new Set(log);
  const pushed = new Set(writes.filter(({ kind, outcome }) => kind === "push" && outcome !== "fail").map(({ id }) => String(id)));
  return [
    ...writes
      .filter((write) => write.kind === "push" && isDue(write) && !shown.has(String(write.id)))
      .map(({ id }) => `push ${id} is missing`),
    ...(shown.size < log.length ? [`the list shows ${log.length - shown.size} elements twice`] : []),
    ...[...shown].filter((token) => !pushed.has(token)).map((token) => `the list shows ${token}, which nobody pushed, or which failed`),
  ];
}

function wrongVisits(view: View, writes: readonly Operation[], isDue: (write: Operation) => boolean): string[] {
  const adds = writes.filter(({ kind, outcome }) => kind === "add" && outcome !== "fail");
  const atLeast = adds.filter(isDue).length;
  const shown = view.visits ?? 0;
  if (shown < atLeast) return [`${atLeast} increments are due, ${shown} are there`];
  return shown > adds.length ? [`there were ${adds.length} increments at most, ${shown} are there`] : [];
}

/** A register shows the id of the operation that wrote it: one that no acknowledged and due write came after. */
function oldRegisters(view: View, writes: readonly Operation[], isDue: (write: Operation) => boolean): string[] {
  const sets = writes.filter(({ kind, outcome }) => kind === "set" && outcome !== "fail");
  const byId = new Map(sets.map((write) => [write.id, write]));
  const shownNames = Object.keys(view).filter((name) => /^r\d+$/.test(name));
  return [...new Set([...shownNames, ...sets.map(({ name }) => name ?? "")])].flatMap((name) => {
    const due = sets.filter((write) => write.name === name && isDue(write));
    const shown = view[name];
    if (shown === undefined) return due.length === 0 ? [] : [`${name} is missing`];
    const writer = byId.get(Number(shown));
    if (writer?.name !== name) return [`${name} shows ${JSON.stringify(shown)}, which nobody wrote there`];
    const later = due.find((write) => write.beganAtMs > writer.endedAtMs);
    return later === undefined ? [] : [`${name} shows ${writer.id}, which ${later.id} came after`];
  });
}
