import { afterEach, describe, expect, it } from "vitest";
import { ManualRuntime } from "../../test/support/manual-runtime.ts";
import { replicaOf, type SessionEngine } from "../engine/index.ts";
import { createEngine } from "../runtime/index.ts";
import { DigestExchange } from "./digest-exchange.ts";
import { DigestTree } from "./digest-tree.ts";
import { Fingerprints } from "./fingerprints.ts";
import { DIGEST_GROUP_BUCKETS, DIGEST_GROUPS, type Digest } from "./messages/digest.ts";
import { decodeFrame } from "./messages/index.ts";

const engines: SessionEngine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

/** One side, which holds nothing; what it sends, read as the other side reads it. */
function side(seed: number): { exchange: DigestExchange; sent: Digest[] } {
  const engine = createEngine();
  engines.push(engine);
  const runtime = new ManualRuntime(seed);
  const sent: Digest[] = [];
  const exchange = new DigestExchange({
    runtime,
    fingerprints: new Fingerprints(replicaOf(engine.host), runtime),
    interest: { tree: new DigestTree(), has: () => false, add: () => undefined, heldIn: () => [] },
    isInitiator: false,
    send: (frame) => sent.push(decodeFrame(frame) as Digest),
    drained: () => Promise.resolve(),
    compare: () => ({ repairs: 0, inFlightMs: undefined }),
    isBusy: () => false,
  });
  return { exchange, sent };
}

describe("what a comparison sends", () => {
  it("is read by the other side where more groups differ than it looks into, wherever it begins", () => {
    const groups = Array.from({ length: DIGEST_GROUPS }, (_, index) => index + 1);
    for (let seed = 1; seed <= 40; seed += 1) {
      const { exchange, sent } = side(seed);
      exchange.receive({ kind: "digest", isRepair: false, level: "groups", groups });
      const [answer] = sent;
      if (answer?.level !== "buckets") throw new Error("buckets are the answer to groups");
      expect(answer.groups).toHaveLength(8);
      for (const { buckets } of answer.groups) expect(buckets).toHaveLength(DIGEST_GROUP_BUCKETS);
      exchange.close();
    }
  });
});
