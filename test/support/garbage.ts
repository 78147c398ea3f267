import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** A turn of the event loop, and everything that nobody refers to is gone. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
}
