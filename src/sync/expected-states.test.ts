import { describe, expect, test } from "vitest";
import { ManualRuntime } from "../../test/support/manual-runtime.ts";
import { type AskedPeer, ExpectedStates } from "./expected-states.ts";

const KEY = "a".repeat(43);

class Peer implements AskedPeer {
  readonly asked: string[] = [];

  askNow(key: string): void {
    this.asked.push(key);
  }
}

/** Whether a promise has resolved by the next turn. */
async function isSettled(promise: Promise<void> | undefined): Promise<boolean> {
  let isDone = false;
  void promise?.then(() => (isDone = true));
  await new Promise((resolve) => setImmediate(resolve));
  return isDone;
}

describe("what a relay waits for while it joins", () => {
  test("[SY15] what was asked for in bulk is asked for alone, and its arrival answers", async () => {
    const expected = new ExpectedStates(new ManualRuntime());
    const [asked, other] = [new Peer(), new Peer()];
    expected.telling(other);
    expected.add(KEY, asked);
    const waiting = expected.wait(KEY, false);
    expect([asked.asked, other.asked]).toEqual([[KEY], []]);
    expect(await isSettled(waiting)).toBe(false);
    expected.arrived(KEY);
    expect(await isSettled(waiting)).toBe(true);
    expect(expected.wait(KEY, true)).toBeUndefined();
  });

  test("[SY15] whatever is not held may be held by a node that has not said all yet", async () => {
    const expected = new ExpectedStates(new ManualRuntime());
    const nodes = [new Peer(), new Peer(), new Peer()] as const;
    for (const node of nodes) expected.telling(node);
    expected.told(nodes[0]);
    expected.lost(nodes[1]);
    expect(expected.wait(KEY, true)).toBeUndefined();
    const waiting = expected.wait(KEY, false);
    expect(nodes.map(({ asked }) => asked.length)).toEqual([0, 0, 1]);
    expected.arrived(KEY);
    expect(await isSettled(waiting)).toBe(true);
    expected.told(nodes[2]);
    expect(expected.wait(KEY, false)).toBeUndefined();
  });

  test("nobody waits for longer than 200 ms, or for a peer that is gone", async () => {
    const runtime = new ManualRuntime();
    const expected = new ExpectedStates(runtime);
    const peer = new Peer();
    expected.telling(peer);
    const late = expected.wait(KEY, false);
    runtime.advance(199);
    expect(await isSettled(late)).toBe(false);
    runtime.advance(1);
    expect(await isSettled(late)).toBe(true);
    expected.add(KEY, peer);
    const lost = expected.wait(KEY, false);
    expected.lost(peer);
    expect(await isSettled(lost)).toBe(true);
  });
});
