import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import type { TestContext } from "vitest";
import { cannotRun } from "./tools.ts";

export interface Mount {
  readonly path: string;
  /** Once more is nothing. */
  unmount(): void;
}

/** Tests that mount need root and Linux. CI has both and fails without; elsewhere the test is skipped and says so. */
export function requireMounts(test: Pick<TestContext, "skip">): void {
  const isAble =
    process.platform === "linux" &&
    process.getuid?.() === 0 &&
    spawnSync("mkfs.ext4", ["-V"]).status === 0 &&
    spawnSync("losetup", ["-f"]).status === 0;
  if (isAble) return;
  cannotRun("mounting needs Linux, root, mkfs.ext4 (apt-get install e2fsprogs) and a free loop device", test);
}

export function loopMount(image: string, path: string): Mount {
  return mounted(path, ["-o", "loop", image]);
}

export function memoryMount(path: string, size: string): Mount {
  return mounted(path, ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs"]);
}

function mounted(path: string, options: readonly string[]): Mount {
  mkdirSync(path, { recursive: true });
  execFileSync("mount", [...options, path]);
  let isMounted = true;
  return {
    path,
    unmount: () => {
      if (isMounted) execFileSync("umount", [path]);
      isMounted = false;
    },
  };
}
