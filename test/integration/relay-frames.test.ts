import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeAskState } from "../../src/sync/messages/ask-state.ts";
import { encodeChangeMessage } from "../../src/sync/messages/change.ts";
import { encodeEnd } from "../../src/sync/messages/end.ts";
import { encodeFetch } from "../../src/sync/messages/fetch.ts";
import type { Frame } from "../../src/sync/messages/index.ts";
import { encodePing } from "../../src/sync/messages/ping.ts";
import { encodeState, STATE_ROUND_MAX } from "../../src/sync/messages/state.ts";
import { encodeTouch } from "../../src/sync/messages/touch.ts";
import { encodeUnwatch } from "../../src/sync/messages/unwatch.ts";
import { encodeWatch } from "../../src/sync/messages/watch.ts";
import { eventually } from "../support/eventually.ts";
import { RawPeer } from "../support/raw-peer.ts";
import { RelayHolder, TEST_SECRET } from "../support/relay-holder.ts";
import { changeOf, endedRecord, keyNamed, recordOf } from "../support/set-replica.ts";

const [A, B] = [keyNamed("a"), keyNamed("b")];
let on: RelayHolder;
const peers: RawPeer[] = [];
let pingCount = 0;

beforeEach(async () => {
  on = new RelayHolder();
  await on.restart();
});
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.cut();
  await on.stop();
});

/** A node that watches these sessions. */
async function node(...watched: string[]): Promise<RawPeer> {
  const peer = await RawPeer.greet(on.address, { secret: TEST_SECRET });
  peers.push(peer);
  peer.send(encodeWatch({ sessions: watched.map((key) => ({ key, fingerprint: on.replica.fingerprint(key), isRecent: false })) }));
  await heard(peer);
  return peer;
}

/**
 * What the relay sent to `peer` since the last call. A ping is answered while the promises that earlier frames led to are still settling;
 * by the second one they have.
 */
async function heard(peer: RawPeer): Promise<Frame[]> {
  for (const _ of ["first", "second"]) {
    pingCount += 1;
    const token = pingCount;
    peer.send(encodePing({ token, nowMs: 0, rttMs: 0 }));
    await eventually(() => expect(peer.frames).toContainEqual(expect.objectContaining({ kind: "pong", token })));
  }
  return peer.frames.splice(0).filter(({ kind }) => !["challenge", "welcome", "pong", "ack"].includes(kind));
}

/** What everybody heard after `sender` sent this. */
async function after(sender: RawPeer, bytes: Uint8Array, ...listeners: RawPeer[]): Promise<Frame[][]> {
  sender.send(bytes);
  const own = await heard(sender);
  return [own, ...(await Promise.all(listeners.map(heard)))];
}

describe("what a relay answers and passes on", () => {
  it("passes a change on as it came, to who watches, and not back", async () => {
    const [writer, watcher, stranger] = [await node(A), await node(A), await node(B)];
    on.replica.hold(A, 1);
    const bytes = encodeChangeMessage({ key: A, change: changeOf(2, 1) });
    writer.send(bytes);
    await heard(writer);
    await eventually(() => expect(Buffer.from(watcher.received.at(-1) ?? [])).toEqual(Buffer.from(bytes)));
    expect(await heard(stranger)).toEqual([]);
    expect(await heard(writer)).toEqual([]);
  });

  it("[SY3] passes nothing on after unwatch, nor after a fetch that found nothing or an end; it does after one that found it alive", async () => {
    const writer = await node();
    const [unwatching, absent, found, told] = [await node(A), await node(), await node(), await node()];
    absent.send(encodeFetch({ requestId: 1, key: A }));
    expect(await heard(absent)).toEqual([{ kind: "fetched", requestId: 1, answer: { kind: "absent", heardUntilMs: undefined } }]);
    on.replica.hold(A, 1);
    on.replica.end(B);
    unwatching.send(encodeUnwatch({ key: A }));
    await heard(unwatching);
    found.send(encodeFetch({ requestId: 2, key: A }));
    expect(await heard(found)).toEqual([{ kind: "fetched", requestId: 2, answer: { kind: "found", record: recordOf(A, [1]) } }]);
    told.send(encodeFetch({ requestId: 3, key: B }));
    expect(await heard(told)).toEqual([{ kind: "fetched", requestId: 3, answer: { kind: "found", record: endedRecord(B) } }]);

    const change = encodeChangeMessage({ key: A, change: changeOf(2, 1) });
    expect(await after(writer, change, unwatching, absent, found)).toEqual([
      [],
      [],
      [],
      [{ kind: "change", key: A, change: changeOf(2, 1) }],
    ]);
    expect(await after(writer, encodeEnd({ envelope: endedRecord(B).envelope }), told)).toEqual([[], []]);
  });

  it("tells everybody the state when a change of another epoch was joined", async () => {
    const [writer, watcher] = [await node(A), await node(A)];
    on.replica.hold(A, 1);
    const change = { ...changeOf(2, 1), epoch: { counter: 7, hash: "00000000000000ff" } };
    const state = { kind: "state", round: 0, record: recordOf(A, [1, 2]) };
    expect(await after(writer, encodeChangeMessage({ key: A, change }), watcher)).toEqual([[state], [state]]);
  });

  it("asks for the state once when a burst of changes cannot be applied, and answers when it is asked", async () => {
    const writer = await node(A);
    on.replica.hold(A, 1);
    for (const stamp of [3, 4, 5]) writer.send(encodeChangeMessage({ key: A, change: changeOf(stamp, stamp - 1) }));
    writer.send(encodeChangeMessage({ key: B, change: changeOf(1) }));
    expect(await heard(writer)).toEqual([
      { kind: "ask-state", keys: [A] },
      { kind: "ask-state", keys: [B] },
    ]);
    expect(await after(writer, encodeAskState({ keys: [A] }))).toEqual([[{ kind: "state", round: 0, record: recordOf(A, [1]) }]]);
    expect(await after(writer, encodeAskState({ keys: [B] }))).toEqual([[]]);
  });

  it("answers a state that holds less with its own, passes on one that holds more, and says nothing to one that is equal", async () => {
    const [writer, watcher] = [await node(A), await node(A)];
    on.replica.hold(A, 1);
    const send = (round: number, ...stamps: number[]): Promise<Frame[][]> =>
      after(writer, encodeState({ round, record: recordOf(A, stamps) }), watcher);
    const state = (round: number, ...stamps: number[]): Frame => ({ kind: "state", round, record: recordOf(A, stamps) });
    expect(await send(0, 1)).toEqual([[], []]);
    expect(await send(0, 1, 2)).toEqual([[], [state(0, 1, 2)]]);
    expect(await send(0, 1)).toEqual([[state(1, 1, 2)], []]);
    expect(await send(3, 3)).toEqual([[state(4, 1, 2, 3)], [state(0, 1, 2, 3)]]);
  });

  it("does not answer states for ever, whatever the other side makes of them", async () => {
    const peer = await node(A);
    on.replica.hold(A, 1, 2);
    expect(await after(peer, encodeState({ round: STATE_ROUND_MAX - 1, record: recordOf(A, [1]) }))).toMatchObject([
      [{ round: STATE_ROUND_MAX }],
    ]);
    expect(await after(peer, encodeState({ round: STATE_ROUND_MAX, record: recordOf(A, [1]) }))).toEqual([[]]);
  });

  it("tells who writes to a session that is over, and has told the watchers of an end before it acks", async () => {
    const [writer, watcher] = [await node(A), await node(A)];
    const { envelope } = endedRecord(A);
    const end: Frame = { kind: "end", envelope };
    expect(await after(writer, encodeEnd({ envelope }), watcher)).toEqual([[], [end]]);
    expect(await after(writer, encodeChangeMessage({ key: A, change: changeOf(1) }), watcher)).toEqual([[end], []]);
    expect(await after(writer, encodeState({ round: 0, record: recordOf(A, [1]) }), watcher)).toEqual([
      [{ kind: "state", round: 1, record: endedRecord(A) }],
      [],
    ]);
  });

  it("passes on of a batch of touches what each node watches", async () => {
    const [writer, both, one] = [await node(A, B), await node(A, B), await node(B)];
    const touches = [
      [A, 5],
      [B, 6],
    ] as const;
    expect(await after(writer, encodeTouch({ touches }), both, one)).toEqual([
      [],
      [{ kind: "touch", touches }],
      [{ kind: "touch", touches: [[B, 6]] }],
    ]);
    expect(on.replica.received).toEqual([`touch ${A} 5`, `touch ${B} 6`]);
  });
});
