import type { Grantor } from "../../src/engine/claims.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import type { Envelope } from "../../src/engine/envelope.ts";
import type { SessionEvent } from "../../src/engine/events.ts";
import type { Change, Epoch, SessionKey, SessionRecord, SubjectKey } from "../../src/engine/record.ts";
import { replicaOf } from "../../src/engine/replica.ts";
import type { Backlog, Delivery, FetchAnswer, Replica, Replication } from "../../src/engine/replication.ts";
import type { OpenSession } from "../../src/engine/session-engine.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { ManualRuntime, settle } from "./manual-runtime.ts";

type Message =
  | { readonly kind: "state"; readonly key: SessionKey; readonly record: SessionRecord }
  | { readonly kind: "change"; readonly key: SessionKey; readonly change: Change }
  | { readonly kind: "compaction"; readonly key: SessionKey; readonly epoch: Epoch }
  | { readonly kind: "touch"; readonly key: SessionKey; readonly touchedAtMs: number }
  | { readonly kind: "end"; readonly key: SessionKey; readonly envelope: Envelope };

const NO_DELIVERY: Delivery = { acks: 0, wanted: 0, durable: false };

/** Replication that sends nothing by itself: what the engine gave it waits in `outbox`, and the test delivers. */
export class HandReplication implements Replication {
  acks = 0;
  degraded: "serve" | "fail" = "serve";
  alone: "serve" | "refuse" = "serve";
  readonly ready = Promise.resolve();
  readonly outbox: Message[] = [];
  readonly watched = new Set<SessionKey>();
  /** What was asked of it, in order. */
  readonly fetched: { readonly key: SessionKey; readonly bornAtMs: number | undefined }[] = [];
  readonly revoked: { readonly subject: SubjectKey; readonly notBeforeMs: number }[] = [];
  /** What holders say when they are asked; the test sets it. */
  delivery: (key: SessionKey, acks: number) => Promise<Delivery> = async () => NO_DELIVERY;
  waiting: Backlog = { sessions: 0, bytes: 0, ageMs: 0 };
  grantor: Grantor = { claim: async () => false, release: async () => undefined };
  /** What `fetch` answers; unavailable unless the test says otherwise. */
  answer: (key: SessionKey) => Promise<FetchAnswer> = async () => ({ kind: "absent", isComplete: true });

  start(): void {}

  watch(key: SessionKey): void {
    this.watched.add(key);
  }

  unwatch(key: SessionKey): void {
    this.watched.delete(key);
  }

  fetch(key: SessionKey, bornAtMs?: number): Promise<FetchAnswer> {
    this.fetched.push({ key, bornAtMs });
    return this.answer(key);
  }

  sendState(key: SessionKey, record: SessionRecord): void {
    this.outbox.push({ kind: "state", key, record });
  }

  sendChange(key: SessionKey, change: Change): void {
    this.outbox.push({ kind: "change", key, change });
  }

  sendCompaction(key: SessionKey, epoch: Epoch): void {
    this.outbox.push({ kind: "compaction", key, epoch });
  }

  sendTouch(key: SessionKey, touchedAtMs: number): void {
    this.outbox.push({ kind: "touch", key, touchedAtMs });
  }

  async sendEnd(key: SessionKey, envelope: Envelope): Promise<Delivery> {
    this.outbox.push({ kind: "end", key, envelope });
    return NO_DELIVERY;
  }

  async sendRevocation(subject: SubjectKey, notBeforeMs: number): Promise<Delivery> {
    this.revoked.push({ subject, notBeforeMs });
    return NO_DELIVERY;
  }

  delivered(key: SessionKey, acks: number): Promise<Delivery> {
    return this.delivery(key, acks);
  }

  backlog(): Backlog {
    return this.waiting;
  }

  claim(key: SessionKey, name: string, nowMs: number, untilMs: number, bornAtMs: number): Promise<boolean> {
    return this.grantor.claim(key, name, nowMs, untilMs, bornAtMs);
  }

  release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    return this.grantor.release(key, name, untilMs);
  }

  async close(): Promise<void> {}
}

/** A real engine on a manual machine, reachable from both sides by hand. */
export class TestNode {
  readonly runtime: ManualRuntime;
  readonly engine: Engine;
  readonly link = new HandReplication();
  readonly replica: Replica;
  readonly events: SessionEvent[] = [];
  /** The store that it made for itself. */
  readonly store: MemoryStore;

  constructor(seed: number, options: EngineOptions = {}) {
    this.runtime = new ManualRuntime(seed);
    let replica: Replica | undefined;
    let store: MemoryStore | undefined;
    this.engine = new Engine(
      {
        onEvent: (event) => this.events.push(event),
        ...options,
        sync: (host) => {
          replica = replicaOf(host);
          return this.link;
        },
      },
      this.runtime,
      (context) => (store = new MemoryStore(context)),
    );
    this.store = store ?? new MemoryStore(this.engine.host.context);
    if (replica === undefined) throw new Error("the engine did not start replication");
    this.replica = replica;
  }

  /** No peer is waited for any longer: its clock is what its machine's was. */
  settle(): this {
    this.engine.clock.close();
    return this;
  }

  /** A new session with these attributes; its key. */
  create(data: Readonly<Record<string, unknown>>): SessionKey {
    const session = this.engine.draft();
    session.identify(this.engine.issueId());
    for (const [name, value] of Object.entries(data)) session.set(name, value);
    session.commit({ evenIfEmpty: true });
    return keyOf(session);
  }

  /** What it told of one kind. */
  told<Type extends SessionEvent["type"]>(type: Type): Extract<SessionEvent, { type: Type }>[] {
    return this.events.filter((event): event is Extract<SessionEvent, { type: Type }> => event.type === type);
  }

  async open(key: SessionKey): Promise<OpenSession> {
    const result = await this.engine.checkOut(key);
    if (result.kind !== "alive") throw new Error(`the session is ${result.kind}`);
    return result.session;
  }

  /** One request that sets attributes. */
  async write(key: SessionKey, data: Readonly<Record<string, unknown>>): Promise<void> {
    const session = await this.open(key);
    for (const [name, value] of Object.entries(data)) session.set(name, value);
    session.commit();
  }

  /** All attributes, or why there are none. */
  async read(key: SessionKey): Promise<Record<string, unknown> | "absent" | "ended"> {
    const result = await this.engine.checkOut(key);
    return result.kind === "alive" ? attributesOf(result.session) : result.kind;
  }

  async record(key: SessionKey): Promise<SessionRecord> {
    const record = await this.replica.record(key);
    if (record === undefined) throw new Error("the session is not held");
    return record;
  }
}

export function attributesOf(session: OpenSession): Record<string, unknown> {
  return Object.fromEntries(session.names().map((name) => [name, session.get(name)]));
}

/** Hands one message over; states are asked for, and sent back, as real replication does. */
export async function deliver(message: Message, from: TestNode, to: TestNode): Promise<void> {
  const { key } = message;
  switch (message.kind) {
    case "state": {
      const { ahead } = await to.replica.receiveState(key, message.record);
      if (ahead) await from.replica.receiveState(key, await to.record(key));
      return;
    }
    case "change": {
      const receipt = await to.replica.receiveChange(key, message.change);
      if (receipt === "state-needed" || receipt === "unknown" || receipt === "joined") await exchange(from, to, key);
      if (receipt === "ended") await exchange(from, to, key);
      return;
    }
    case "compaction":
      await to.replica.receiveCompaction(key, message.epoch);
      return;
    case "touch":
      return to.replica.receiveTouch(key, message.touchedAtMs);
    case "end":
      return to.replica.receiveEnd(key, message.envelope);
  }
}

/** Both sides send the session whole, until neither has more than the other. */
export async function exchange(left: TestNode, right: TestNode, key: SessionKey): Promise<void> {
  for (let round = 0; round < 8; round++) {
    const [ours, theirs] = [await left.replica.record(key), await right.replica.record(key)];
    const receipts = [
      ours === undefined ? undefined : await right.replica.receiveState(key, ours),
      theirs === undefined ? undefined : await left.replica.receiveState(key, theirs),
    ];
    await settle();
    if (receipts.every((receipt) => receipt === undefined || receipt.kind === "unchanged") && ours !== undefined && theirs !== undefined)
      return;
  }
}

function keyOf(session: OpenSession): SessionKey {
  if (session.key === undefined) throw new Error("the session has no key");
  return session.key;
}
