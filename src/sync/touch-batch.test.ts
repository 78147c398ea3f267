import { beforeEach, expect, it } from "vitest";
import { ManualRuntime } from "../../test/support/manual-runtime.ts";
import type { TouchEntry } from "./messages/touch.ts";
import { TOUCH_DELAY_MS, TouchBatch } from "./touch-batch.ts";

let runtime: ManualRuntime;
beforeEach(() => void (runtime = new ManualRuntime()));

it("sends the newest touch of each session, once, after a while", () => {
  const sent: (readonly TouchEntry[])[] = [];
  const batch = new TouchBatch(runtime, (touches) => sent.push(touches));
  batch.add("a", 5);
  batch.add("b", 1);
  batch.add("a", 3);
  expect(sent).toEqual([]);
  runtime.advance(TOUCH_DELAY_MS);
  expect(sent).toEqual([
    [
      ["a", 5],
      ["b", 1],
    ],
  ]);
  runtime.advance(TOUCH_DELAY_MS * 10);
  expect(sent).toHaveLength(1);
});

it("sends at once what fills a frame", () => {
  const sent: (readonly TouchEntry[])[] = [];
  const batch = new TouchBatch(runtime, (touches) => sent.push(touches));
  for (let index = 0; index < 513; index += 1) batch.add(String(index), 1);
  expect(sent.map((touches) => touches.length)).toEqual([512]);
  batch.flush();
  expect(sent.map((touches) => touches.length)).toEqual([512, 1]);
  expect(runtime.timerCount).toBe(0);
});
