import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { nodeRuntime } from "./node-runtime.ts";

describe("nodeRuntime", () => {
  it("tells the time of the wall", () => {
    const before = Date.now();
    const nowMs = nodeRuntime.nowMs();
    expect(nowMs).toBeGreaterThanOrEqual(before);
    expect(nowMs).toBeLessThanOrEqual(Date.now());
  });

  it("runs a timer once, and none that was cancelled", async () => {
    const runs: string[] = [];
    nodeRuntime.setTimer(0, () => runs.push("cancelled"))();
    await new Promise<void>((resolve) => {
      // The bound of the wait; without it this test could end before the timers, which keep nothing alive.
      const bound = setTimeout(resolve, 5_000);
      nodeRuntime.setTimer(0, () => runs.push("first"));
      nodeRuntime.setTimer(5, () => {
        clearTimeout(bound);
        resolve();
      });
    });
    expect(runs).toEqual(["first"]);
  });

  it.each([-1, Number.NaN, 86_400_001, Number.POSITIVE_INFINITY])("refuses a delay of %d ms, which Node would fire at once", (delayMs) => {
    expect(() => nodeRuntime.setTimer(delayMs, () => undefined)).toThrow(expect.objectContaining({ code: "INVARIANT_BROKEN" }));
  });

  it("does not keep a process alive", () => {
    const module = new URL("node-runtime.ts", import.meta.url).href;
    const script = `import { nodeRuntime } from ${JSON.stringify(module)}; nodeRuntime.setTimer(86_400_000, () => {});`;
    const child = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], { timeout: 20_000 });
    expect([child.status, child.signal, child.stderr.toString()]).toEqual([0, null, ""]);
  });

  it("draws bytes of its own, different each time", () => {
    const [one, other] = [nodeRuntime.randomBytes(32), nodeRuntime.randomBytes(32)];
    expect([one.length, other.length, one.buffer.byteLength]).toEqual([32, 32, 32]);
    expect(one).not.toEqual(other);
    expect(nodeRuntime.randomBytes(0).length).toBe(0);
  });

  it("hashes with SHA-256", () => {
    const bytes = new TextEncoder().encode("abc");
    expect(Buffer.from(nodeRuntime.sha256(bytes))).toEqual(createHash("sha256").update(bytes).digest());
  });
});
