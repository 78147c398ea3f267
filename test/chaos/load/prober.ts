import { setTimeout as pause } from "node:timers/promises";
import { PATIENCE_MS } from "../../../src/testing/history/check-probes.ts";
import { nowMs } from "../../../src/testing/history/operation.ts";
import { jsonOf } from "../cluster/json-of.ts";
import { ask, CookieJar } from "./client.ts";
import type { Nodes } from "./nodes.ts";
import type { HistoryRecorder } from "../../../src/testing/history/recorder.ts";

const BETWEEN_PROBES_MS = 100;
const BETWEEN_LOOKS_MS = 2;
const LOOK_TIMEOUT_MS = 500;

/**
 * Measures how soon a write is readable elsewhere: writes through one node, and looks at the others, past cookies, until all show it.
 * Counted from the end of the response, when the writer is told. Runs until `isOver`.
 */
export async function probe(nodes: Nodes, recorder: HistoryRecorder, isOver: () => boolean): Promise<void> {
  const jar = new CookieJar();
  let key: string | undefined;
  while (!isOver()) {
    await pause(BETWEEN_PROBES_MS);
    const node = nodes.any();
    const id = recorder.nextId();
    const kind = key === undefined ? "create" : "set";
    const answer = await ask(`${node.url}/${kind}?id=${id}&session=probe&name=r0`, jar, true);
    if (answer.status !== 200) {
      nodes.avoid(node);
      continue;
    }
    if (key === undefined) {
      key = answer.key;
      continue;
    }
    const atMs = nowMs();
    const others = nodes.all.filter((other) => other !== node);
    const seen = await Promise.all(others.map((other) => seenWithin(`${other.adminUrl}/peek?key=${key ?? ""}&name=r0`, id)));
    recorder.note({ type: "probe", atMs, node: node.name, ms: seen.every(Boolean) ? nowMs() - atMs : null });
  }
}

async function seenWithin(url: string, value: number): Promise<boolean> {
  const untilMs = nowMs() + PATIENCE_MS;
  while (nowMs() < untilMs) {
    // Later values are of later probes, and there are none; a concurrent one cannot hide it.
    if ((await jsonOf(url, LOOK_TIMEOUT_MS)) === value) return true;
    await pause(BETWEEN_LOOKS_MS);
  }
  return false;
}
