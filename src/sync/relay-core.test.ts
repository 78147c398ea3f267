import { afterEach, describe, expect, it } from "vitest";
import { EngineClock } from "../engine/hybrid-clock.ts";
import { RelayNet } from "../../test/support/relay-net.ts";
import { changeOf, endedRecord, keyNamed } from "../../test/support/set-replica.ts";

const [A, B] = [keyNamed("a"), keyNamed("b")];

describe("relays, by hand", () => {
  let net: RelayNet;

  afterEach(() => net.close());

  it.each(["end", "change"] as const)("[SY22] a relay acknowledges what it has handed to everybody whom it concerns: %s", async (kind) => {
    net = new RelayNet();
    for (const name of ["one", "two", "three"]) net.relay(name, ["one", "two", "three"]);
    const nodes = ["writer", "watcher", "other"].map((name) => net.node(name, ["one"], { acks: 1 }));
    await net.pass(3_000, 50);
    const [writer] = nodes;
    for (const name of ["writer", "watcher", "other"]) net.replicas.get(name)?.hold(A, 1);
    for (const node of nodes) node.watch(A);
    writer?.sendState(A, net.replicas.get("writer")!.hold(A, 1));
    await net.pass(3_000, 50);
    net.handed.length = 0;
    if (kind === "end") {
      net.replicas.get("writer")?.end(A);
      void writer?.sendEnd(A, endedRecord(A).envelope);
    } else {
      net.replicas.get("writer")?.hold(A, 2);
      writer?.sendChange(A, changeOf(2, 1));
    }
    await net.pass(10);
    const handed = net.handed.filter(({ from }) => from === "one");
    const ackIndex = handed.findIndex((each) => each.to === "writer" && each.kind === "ack");
    const told = handed.flatMap((each, index) => (each.kind === kind && index < ackIndex ? [each.to] : []));
    expect(ackIndex).toBeGreaterThan(0);
    expect(told.toSorted()).toEqual(["other", "three", "two", "watcher"]);
  });

  it.each([3_600_000, -3_600_000])(
    "[SY23] a relay whose wall clock was off by %i ms when it began knows what was born since, by the time that all go by",
    async (aheadMs) => {
      net = new RelayNet();
      const startedAtMs = net.runtime.nowMs();
      net.runtime.stepTo(startedAtMs + aheadMs);
      const clock = new EngineClock(net.runtime);
      clock.expectPeers();
      const relay = net.relay("one", [], clock);
      await net.pass(500);
      for (const source of ["a", "b"]) clock.heard(source, startedAtMs + 500, 0, false);
      await net.pass(10);
      expect(relay.status.completeSinceMs).toBe(startedAtMs);
      expect(clock.nowMs()).toBe(startedAtMs + 510);
    },
  );

  it("[K2] a node's wall clock is one vote to a relay, a relay's to another is one as well, and nobody is followed for being the only one", async () => {
    net = new RelayNet();
    const clocks = [0, 3_600_000, 0].map((aheadMs) => {
      const { runtime } = net;
      const clock = new EngineClock({
        nowMs: () => runtime.nowMs() + aheadMs,
        monotonicMs: () => runtime.monotonicMs(),
        setTimer: (delayMs, run) => runtime.setTimer(delayMs, run),
        randomBytes: (byteCount) => runtime.randomBytes(byteCount),
        sha256: (bytes) => runtime.sha256(bytes),
      });
      clock.expectPeers();
      return clock;
    });
    net.relay("one", ["two"], clocks[0]);
    net.node("wrong", ["one"], {}, clocks[1]);
    await net.pass(9_000, 50);
    const states = (): (boolean | undefined)[] => clocks.map((clock) => clock.isSettled);
    // Which of the two is right cannot be known.
    expect(states()).toEqual([false, false, false]);
    net.relay("two", ["one"], clocks[2]);
    await net.pass(8_000, 50);
    expect(states()).toEqual([true, true, true]);
    for (const clock of clocks) expect(clock.nowMs()).toBe(net.runtime.nowMs());
  });

  it("[SY35] a relay that another one is cut off from says there is none only of what is older than the cut", async () => {
    net = new RelayNet();
    const relays = ["one", "two"].map((name) => net.relay(name, ["one", "two"]));
    const writer = net.node("writer", ["one"]);
    const reader = net.node("reader", ["one", "two"], { missTimeoutMs: 100 });
    await net.pass(20_000, 50);
    const bornBeforeMs = net.runtime.nowMs();
    await net.pass(8_000, 50);
    // The reader meets nobody but one that is cut off by now, and does not know it.
    net.hold("one", "two");
    net.hold("one", "reader");
    await net.pass(2_500, 50);
    const bornAtMs = net.runtime.nowMs();
    writer.sendState(A, net.replicas.get("writer")!.hold(A, 1));
    await net.pass(200);
    expect(net.replicas.get("one")?.read(A)).toEqual([1]);
    expect(relays[1]?.status).toMatchObject({ isComplete: true, memberCount: 2 });
    const ask = async (key: string, atMs: number): Promise<unknown> => {
      const answer = reader.fetch(key, atMs);
      await net.pass(200);
      return answer;
    };
    expect(await ask(A, bornAtMs)).toEqual({ kind: "unavailable" });
    expect(await ask(B, bornBeforeMs)).toEqual({ kind: "absent", isComplete: false });
  });

  it("[SY35] relays that hear from each other know all but what was born a moment ago, on whichever of two connections it comes", async () => {
    net = new RelayNet();
    for (const name of ["one", "two"]) net.relay(name, ["one", "two"]);
    const reader = net.node("reader", ["one", "two"], { missTimeoutMs: 100 });
    await net.pass(20_000, 50);
    const bornAtMs = net.runtime.nowMs();
    await net.pass(4_500, 50);
    net.hold("one", "reader");
    const answer = reader.fetch(B, bornAtMs);
    await net.pass(200);
    expect(await answer).toEqual({ kind: "absent", isComplete: false });
  });
});
