import { describe, expect, test } from "vitest";
import { RecentSet } from "./recent-set.ts";

describe("RecentSet", () => {
  test("[A5] keeps what was added or asked for recently, and no more than twice as many", () => {
    const set = new RecentSet(10);
    set.add("asked for");
    for (let index = 0; index < 1000; index += 1) {
      set.add(`${index}`);
      expect(set.has("asked for")).toBe(true);
      for (const near of [index, Math.max(index - 4, 0)]) expect(set.has(`${near}`)).toBe(true);
      expect(set.has(`${index - 20}`)).toBe(false);
    }
    set.clear();
    expect(["asked for", "999"].filter((text) => set.has(text))).toEqual([]);
  });
});
