import { expect, it } from "vitest";
import { StateRequests } from "./state-requests.ts";

const KEY = "AAAAAAAAAAAAAAAAAAAAAA";

it("asks once for a burst of gaps, and once more when a gap was seen while the answer was under way", () => {
  const requests = new StateRequests();
  expect(requests.need(KEY, 0)).toBe(true);
  expect(requests.need(KEY, 1)).toBe(false);
  expect(requests.need(KEY, 2)).toBe(false);
  expect(requests.arrived(KEY, 3)).toBe(true);
  expect(requests.arrived(KEY, 4)).toBe(false);
  expect(requests.arrived(KEY, 5)).toBe(false);
  expect(requests.need(KEY, 6)).toBe(true);
});

it("asks again when no answer came within a second", () => {
  const requests = new StateRequests();
  expect(requests.need(KEY, 0)).toBe(true);
  expect(requests.need(KEY, 999)).toBe(false);
  expect(requests.need(KEY, 1_000)).toBe(true);
});

it("forgets the oldest of very many requests", () => {
  const requests = new StateRequests();
  for (let index = 0; index <= 10_000; index += 1) requests.need(String(index), 0);
  expect(requests.need("0", 1)).toBe(true);
  expect(requests.need("10000", 1)).toBe(false);
});
