import { isDeepStrictEqual } from "node:util";
import * as Y from "yjs";
import { SessionDocument } from "../../src/engine/document.ts";
import { SessionError } from "../../src/engine/errors.ts";
import { keyFromBytes } from "../../src/engine/key-bytes.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import { decodeRecord, encodeRecord } from "../../src/engine/record-codec.ts";
import type { TestNode } from "../support/engine-network.ts";
import { attributesAt, fuzzedNode } from "./fuzzed-engine.ts";
import { Inconsistent } from "./target.ts";

/** Sessions that an engine has taken in before another one takes its place: making one costs more than an input. */
const SESSIONS_MAX = 400;

/**
 * An engine that holds sessions of the corpus, and another that takes in what came of them. Each input meets a session as it was at first: refused
 * ones must leave it so, and one that took something in is given up, and held anew under another key.
 */
export class Victims {
  readonly #records: readonly (SessionRecord | undefined)[];
  readonly #nowMs: number;
  #node: TestNode;
  #other: TestNode;
  #held: (Held | undefined)[] = [];
  #keyCount = 0;
  #sessionCount = 0;

  /** Undefined among the records: a session that is not held. */
  constructor(records: readonly (SessionRecord | undefined)[], nowMs: number) {
    this.#records = records;
    this.#nowMs = nowMs;
    this.#node = fuzzedNode(5, nowMs);
    this.#other = fuzzedNode(6, nowMs);
  }

  async victim(number: number): Promise<Victim> {
    if (this.#sessionCount > SESSIONS_MAX) {
      this.#node = fuzzedNode(5, this.#nowMs);
      this.#other = fuzzedNode(6, this.#nowMs);
      this.#held = [];
      this.#sessionCount = 0;
    }
    const index = number % this.#records.length;
    const held = (this.#held[index] ??= await this.#hold(this.#records[index]));
    return new Victim(this.#node, this.#other, held, () => {
      this.#held[index] = undefined;
      this.#sessionCount++;
    });
  }

  async #hold(record: SessionRecord | undefined): Promise<Held> {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(12, ++this.#keyCount);
    const key = keyFromBytes(id);
    const strangersKey = keyFromBytes(id.with(0, 1));
    if (record === undefined) return { key, strangersKey, name: "", before: undefined, fingerprint: 0 };
    const { replica, events } = this.#node;
    await replica.receiveState(key, { ...record, envelope: { ...record.envelope, key } });
    events.length = 0;
    const before = encodeRecord(await this.#node.record(key));
    return { key, strangersKey, name: record.envelope.key, before, fingerprint: replica.fingerprint(key) };
  }
}

interface Held {
  /** Under which it is held, and of whatever else an input names. */
  readonly key: SessionKey;
  readonly strangersKey: SessionKey;
  /** What inputs call it. */
  readonly name: SessionKey;
  readonly before: Uint8Array | undefined;
  readonly fingerprint: number;
}

/** One session of the corpus, held by an engine. */
export class Victim {
  readonly node: TestNode;
  readonly #other: TestNode;
  readonly #held: Held;
  readonly #giveUp: () => void;
  readonly #countBefore: number;

  constructor(node: TestNode, other: TestNode, held: Held, giveUp: () => void) {
    this.node = node;
    this.#other = other;
    this.#held = held;
    this.#giveUp = giveUp;
    this.#countBefore = heldCount(node);
  }

  /** Under which the engine holds what an input calls so. */
  keyOf(name: SessionKey): SessionKey {
    return name === this.#held.name || this.#held.name === "" ? this.#held.key : this.#held.strangersKey;
  }

  /** @throws Inconsistent when a refused input left a trace; what the engine took for broken input and was a fault of its own. */
  async checkRefused(): Promise<void> {
    const errors = this.node.told("input-refused").map(({ error }) => error);
    this.node.events.length = 0;
    for (const error of errors) if (!(error instanceof SessionError && error.code === "RECORD_CORRUPT")) throw error;
    await this.#checkUnchanged();
  }

  /** For input that is neither broken nor news. */
  async checkIgnored(): Promise<void> {
    if (this.node.told("input-refused").length > 0) throw new Inconsistent("an input was refused, and not said to be");
    await this.#checkUnchanged();
  }

  /** @throws Inconsistent when a session that took something in is not one like any other */
  async checkTaken(key: SessionKey): Promise<void> {
    this.#giveUp();
    const { node } = this;
    const events = node.events.splice(0);
    if (events.some(({ type }) => type === "input-refused")) throw new Inconsistent("what was taken in was refused, too");
    const record = await node.replica.record(key);
    if (record === undefined) throw new Inconsistent("what was taken in is not held");
    const bytes = encodeRecord(record);
    const decoded = decodeRecord(bytes);
    checkNothingPending(decoded);
    const other = this.#other;
    other.events.length = 0;
    const receipt = await other.replica.receiveState(key, decoded);
    if (receipt.kind !== "merged") {
      const refused = other.told("input-refused")[0]?.error;
      // Past its time: nobody takes that in any more, and nobody need.
      if (refused === undefined && other.replica.fingerprint(key) === 0) return;
      throw new Inconsistent(
        `another engine does not take what this one took: ${refused instanceof Error ? refused.message : receipt.kind}`,
      );
    }
    if (Buffer.compare(encodeRecord(await other.record(key)), bytes) !== 0) throw new Inconsistent("its record differs after a reload");
    if (other.replica.fingerprint(key) !== node.replica.fingerprint(key)) throw new Inconsistent("its fingerprint differs after a reload");
    const shown = attributesAt(node, key);
    if (!isDeepStrictEqual(shown, attributesAt(other, key))) throw new Inconsistent("what it shows differs after a reload");
    if (shown !== undefined) await checkWritable(node, other, key);
  }

  async #checkUnchanged(): Promise<void> {
    const { node } = this;
    const { key, before, fingerprint } = this.#held;
    if (heldCount(node) !== this.#countBefore) throw new Inconsistent("an input that was not taken in brought a session");
    if (before === undefined) return;
    const record = await node.record(key);
    const isSame = Buffer.compare(encodeRecord(record), before) === 0;
    const isSameName = node.replica.fingerprint(key) === fingerprint;
    if (isSame && isSameName) return;
    this.#giveUp();
    // A change that names the epoch to which this session compacts makes it do so, whatever becomes of the change itself.
    if (!isSame && !isSameName && isCompacted(node, before, record)) return;
    throw new Inconsistent(`an input that was not taken in changed the ${isSame ? "fingerprint" : "session"}`);
  }
}

function heldCount({ engine }: TestNode): number {
  const { hot, cold, ended } = engine.host.registry.counts();
  return hot + cold + ended;
}

function isCompacted({ engine }: TestNode, before: Uint8Array, record: SessionRecord): boolean {
  const held = decodeRecord(before);
  if (held.document === undefined) return false;
  const document = SessionDocument.load(engine.host.context, held.document).genesis();
  return Buffer.compare(encodeRecord({ envelope: held.envelope, document }), encodeRecord(record)) === 0;
}

/** A document that waits for something would wait for ever. */
function checkNothingPending({ document }: SessionRecord): void {
  if (document === undefined) return;
  const ydoc = new Y.Doc({ guid: "" });
  Y.applyUpdate(ydoc, document.bytes);
  const { pendingStructs, pendingDs } = ydoc.store;
  ydoc.destroy();
  if (pendingStructs !== null || pendingDs !== null) throw new Inconsistent("something is pending in its document");
}

/** It goes on: a request writes, and another replica takes that in. */
async function checkWritable(node: TestNode, other: TestNode, key: SessionKey): Promise<void> {
  node.link.outbox.length = 0;
  const session = node.engine.checkOutHot(key);
  if (session === undefined) throw new Inconsistent("it cannot be opened");
  session.set("probe", 1);
  session.commit();
  for (const message of node.link.outbox) {
    if (message.kind !== "change") continue;
    const receipt = await other.replica.receiveChange(key, message.change);
    if (receipt !== "applied") throw new Inconsistent(`a change that followed is ${receipt} elsewhere`);
  }
  const shown = attributesAt(node, key);
  if (shown?.["probe"] !== 1 || !isDeepStrictEqual(shown, attributesAt(other, key)))
    throw new Inconsistent("after one more change two replicas show different things");
}
