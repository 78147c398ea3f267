import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readHistory } from "./history.ts";
import { HistoryRecorder } from "./recorder.ts";

const folder = mkdtempSync(join(tmpdir(), "history-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("what a recorder wrote is read back, in order, without the half line of a process that was killed", () => {
  const file = join(folder, "history.jsonl");
  const recorder = new HistoryRecorder(file);
  const [first, second, third] = [recorder.nextId(), recorder.nextId(), recorder.nextId()];
  recorder.begin({ id: first, kind: "create", session: "s", node: "a" });
  recorder.end({ type: "ok", id: first, status: 200, view: { born: "s" } });
  recorder.begin({ id: second, kind: "push", session: "s", node: "b" });
  recorder.end({ type: "info", id: second, status: 0, code: "TIMEOUT" });
  recorder.begin({ id: third, kind: "add", session: "s", node: "b" });
  recorder.note({ type: "fault", name: "kill b", isolates: false, nodes: ["b"] });
  recorder.close();
  appendFileSync(file, '{"type":"ok","id":3,"at');
  const { operations, faults } = readHistory([file]);
  expect(operations.map(({ kind, outcome, endedAtMs }) => [kind, outcome, endedAtMs === Infinity])).toEqual([
    ["create", "ok", false],
    ["push", "info", true],
    ["add", "info", true],
  ]);
  expect(faults).toMatchObject([{ name: "kill b", nodes: ["b"], healedAtMs: Infinity }]);
});
