import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { TouchEntry } from "./messages/touch.ts";
import { TOUCH_DELAY_MS, TouchBatch } from "./touch-batch.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("sends the newest touch of each session, once, after a while", () => {
  const sent: (readonly TouchEntry[])[] = [];
  const batch = new TouchBatch((touches) => sent.push(touches));
  batch.add("a", 5);
  batch.add("b", 1);
  batch.add("a", 3);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(TOUCH_DELAY_MS);
  expect(sent).toEqual([
    [
      ["a", 5],
      ["b", 1],
    ],
  ]);
  vi.advanceTimersByTime(TOUCH_DELAY_MS * 10);
  expect(sent).toHaveLength(1);
});

it("sends at once what fills a frame", () => {
  const sent: (readonly TouchEntry[])[] = [];
  const batch = new TouchBatch((touches) => sent.push(touches));
  for (let index = 0; index < 513; index += 1) batch.add(String(index), 1);
  expect(sent.map((touches) => touches.length)).toEqual([512]);
  batch.flush();
  expect(sent.map((touches) => touches.length)).toEqual([512, 1]);
  expect(vi.getTimerCount()).toBe(0);
});
