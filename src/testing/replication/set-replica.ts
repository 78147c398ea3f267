import type {
  Change,
  ChangeReceipt,
  Envelope,
  Fingerprint,
  Replica,
  SessionKey,
  SessionRecord,
  StateReceipt,
  SubjectKey,
} from "../../engine/index.ts";
import { endEnvelope, partOf } from "../../engine/index.ts";

const EPOCH = { counter: 0, hash: "0000000000000000" };
const WRITER = 2 ** 32;

/**
 * The smallest replica that obeys the port: a session holds a set of numbers (1 to 255) that only grows. A change adds its stamp, and
 * depends on its previous stamp; one of another epoch is joined. It writes down what reaches it, and can be told not to answer.
 */
export class SetReplica implements Replica {
  /** What reached it, in order: `state <key> 1,2`, `change <key> 3`, `touch <key> <ms>`, `end <key>`. */
  readonly received: string[] = [];
  /** While true, no call settles. */
  isHung = false;
  /** While true, it takes in no state and no change, as if they were broken. */
  isRefusing = false;
  /** Whether it says that what it takes in lasts. */
  isDurable = false;
  readonly revoked = new Map<SubjectKey, number>();
  readonly #claims = new Map<string, number>();
  readonly #sessions = new Map<SessionKey, SessionRecord>();
  #onFingerprint: (key: SessionKey, before: Fingerprint, after: Fingerprint) => void = () => undefined;

  /** Holds the session from now on, with what was written to it so far elsewhere or here. */
  hold(key: SessionKey, ...stamps: number[]): SessionRecord {
    const merged = merge(this.#sessions.get(key), recordOf(key, stamps));
    this.#set(key, merged);
    return merged;
  }

  end(key: SessionKey): Envelope {
    const ended = merge(this.#sessions.get(key), endedRecord(key));
    this.#set(key, ended);
    return ended.envelope;
  }

  /** The numbers of a session; "ended", or undefined when it is not held. */
  read(key: SessionKey): number[] | "ended" | undefined {
    const record = this.#sessions.get(key);
    return record?.document === undefined ? record && "ended" : [...record.document.bytes];
  }

  forgetAll(): void {
    for (const key of this.#sessions.keys()) {
      const before = this.fingerprint(key);
      this.#sessions.delete(key);
      this.#onFingerprint(key, before, 0);
    }
  }

  heldKeys(): Iterable<SessionKey> {
    return this.#sessions.keys();
  }

  get durable(): boolean {
    return this.isDurable;
  }

  *heldKeysIn(part: number): Iterable<SessionKey> {
    for (const key of this.#sessions.keys()) if (partOf(key) === part) yield key;
  }

  fingerprint(key: SessionKey): Fingerprint {
    return fingerprintOf(key, this.read(key));
  }

  onFingerprint(listener: (key: SessionKey, before: Fingerprint, after: Fingerprint) => void): void {
    this.#onFingerprint = listener;
  }

  stored(): Promise<void> | undefined {
    return this.isDurable ? this.#answering() : undefined;
  }

  async revocations(): Promise<ReadonlyMap<SubjectKey, number>> {
    return this.revoked;
  }

  async receiveRevocation(subject: SubjectKey, notBeforeMs: number): Promise<boolean> {
    await this.#answering();
    if (notBeforeMs <= (this.revoked.get(subject) ?? -1)) return false;
    this.revoked.set(subject, notBeforeMs);
    return true;
  }

  async claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    await this.#answering();
    const place = `${key} ${name}`;
    if ((this.#claims.get(place) ?? 0) > nowMs) return false;
    this.#claims.set(place, untilMs);
    return true;
  }

  async release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    await this.#answering();
    if (this.#claims.get(`${key} ${name}`) === untilMs) this.#claims.delete(`${key} ${name}`);
  }

  async record(key: SessionKey): Promise<SessionRecord | undefined> {
    await this.#answering();
    return this.#sessions.get(key);
  }

  async receiveState(key: SessionKey, record: SessionRecord): Promise<StateReceipt> {
    this.received.push(`state ${key} ${record.document === undefined ? "ended" : [...record.document.bytes].join()}`);
    await this.#answering();
    if (this.isRefusing) return { kind: "refused", ahead: false };
    const before = this.#sessions.get(key);
    const after = merge(before, record);
    this.#set(key, after);
    return { kind: before !== undefined && isSame(before, after) ? "unchanged" : "merged", ahead: !isSame(record, after) };
  }

  async receiveChange(key: SessionKey, change: Change): Promise<ChangeReceipt> {
    this.received.push(`change ${key} ${change.stamp}`);
    await this.#answering();
    if (this.isRefusing) return "refused";
    const held = this.read(key);
    if (held === undefined) return "unknown";
    if (held === "ended") return "ended";
    if (held.includes(change.stamp)) return "duplicate";
    if (change.previousStamp !== 0 && !held.includes(change.previousStamp)) return "state-needed";
    this.hold(key, change.stamp);
    return change.epoch.counter === EPOCH.counter ? "applied" : "joined";
  }

  async receiveCompaction(): Promise<boolean> {
    return false;
  }

  async receiveTouch(key: SessionKey, touchedAtMs: number): Promise<void> {
    this.received.push(`touch ${key} ${touchedAtMs}`);
    await this.#answering();
  }

  async receiveEnd(key: SessionKey, envelope: Envelope): Promise<void> {
    this.received.push(`end ${key}`);
    await this.#answering();
    this.#set(key, merge(this.#sessions.get(key), { envelope, document: undefined }));
  }

  #set(key: SessionKey, record: SessionRecord): void {
    const before = this.fingerprint(key);
    this.#sessions.set(key, record);
    const after = this.fingerprint(key);
    if (after !== before) this.#onFingerprint(key, before, after);
  }

  #answering(): Promise<void> {
    return this.isHung ? new Promise(() => undefined) : Promise.resolve();
  }
}

/** FNV-1a, 32 bits, never 0 but for what is not held. */
function fingerprintOf(key: SessionKey, held: readonly number[] | "ended" | undefined): Fingerprint {
  if (held === undefined) return 0;
  let hash = 0x811c9dc5;
  for (const character of `${key} ${String(held)}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return (hash >>> 0) + 1;
}

/** 22 characters that make a key, from a short name. */
export function keyNamed(name: string): SessionKey {
  return name.padEnd(21, "_") + "A";
}

export function recordOf(key: SessionKey, stamps: readonly number[]): SessionRecord {
  const bytes = new Uint8Array([...new Set(stamps)].toSorted((left, right) => left - right));
  return { envelope: envelopeOf(key), document: { epoch: EPOCH, bytes } };
}

export function endedRecord(key: SessionKey): SessionRecord & { readonly document: undefined } {
  return { envelope: endEnvelope(envelopeOf(key), { reason: "destroyed", atMs: 2 }), document: undefined };
}

/** The commit that adds `stamp` after `previousStamp`. */
export function changeOf(stamp: number, previousStamp = 0): Change {
  return { epoch: EPOCH, writer: WRITER, previousStamp, stamp, seen: [], update: new Uint8Array(), dropped: [] };
}

function envelopeOf(key: SessionKey): Envelope {
  return {
    key,
    createdAtMs: 1,
    firstKey: key,
    firstCreatedAtMs: 1,
    deadlineMs: 1_000,
    idleTimeoutMs: 100,
    idleTimeoutStamp: 0,
    touchedAtMs: 1,
    subject: undefined,
    subjectAtMs: 0,
    successor: undefined,
    ended: undefined,
  };
}

function merge(left: SessionRecord | undefined, right: SessionRecord): SessionRecord {
  if (left === undefined || right.document === undefined) return right;
  if (left.document === undefined) return left;
  return recordOf(right.envelope.key, [...left.document.bytes, ...right.document.bytes]);
}

function isSame(left: SessionRecord, right: SessionRecord): boolean {
  return left.document?.bytes.join() === right.document?.bytes.join();
}
