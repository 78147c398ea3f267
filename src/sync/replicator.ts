import type {
  Backlog,
  Change,
  Delivery,
  Envelope,
  Epoch,
  FetchAnswer,
  PeerClock,
  Replica,
  Replication,
  Runtime,
  SessionEvent,
  SessionKey,
  SessionRecord,
  SubjectKey,
} from "../engine/index.ts";
import { UnreplicatedWrites } from "./backlog.ts";
import type { Credentials } from "./credentials.ts";
import { absenceCounts } from "./completeness.ts";
import { newCounters, type SyncCounters, type SyncLog } from "./counters.ts";
import { ClaimQuorum } from "./claim-quorum.ts";
import { Deliveries } from "./deliveries.ts";
import { Fingerprints, WatchedSessions } from "./fingerprints.ts";
import { Holder } from "./holder.ts";
import { INCARNATION_BYTES, PEER_ID_BYTES } from "./messages/challenge.ts";
import type { Ack } from "./messages/ack.ts";
import { encodeCompaction } from "./messages/compaction.ts";
import { encodeChangeMessage } from "./messages/change.ts";
import { encodeEnd } from "./messages/end.ts";
import type { Fetched } from "./messages/fetched.ts";
import type { Dialer } from "./messages/hello.ts";
import { encodeRevoke } from "./messages/revoke.ts";
import { encodeState } from "./messages/state.ts";
import { encodeTouch } from "./messages/touch.ts";
import { encodeUnwatch } from "./messages/unwatch.ts";
import { encodeWatch, WATCH_COUNT_MAX } from "./messages/watch.ts";
import { type FetchOutcome, PendingFetches } from "./pending-fetches.ts";
import { RevocationRegisters } from "./revocation-registers.ts";
import { TouchBatch } from "./touch-batch.ts";
import type { Dial } from "./transport.ts";

export interface ReplicatorOptions {
  /** Clock, timers and randomness. */
  readonly runtime: Runtime;
  /** Opens connections. */
  readonly dial: Dial;
  /** At least one; valid URLs. */
  readonly addresses: readonly string[];
  readonly credentials: Credentials;
  readonly missTimeoutMs: number;
  readonly ackTimeoutMs: number;
  /** See `RelaysOptions`. */
  readonly acks: number;
  readonly degraded: "serve" | "fail";
  readonly alone: "serve" | "refuse";
  /** See `RelaysOptions`. */
  readonly forgetLossAfterMs: number;
  /** How far clocks may be apart, milliseconds. */
  readonly clockErrorMs: number;
  /** Hears who comes and goes. */
  readonly emit: (event: SessionEvent) => void;
  readonly log: SyncLog;
  /** Tells and hears what time it is. Default: the runtime's clock is told, and nobody hears. */
  readonly clock?: PeerClock | undefined;
}

const UNAVAILABLE: FetchAnswer = { kind: "unavailable" };

/**
 * A node's sessions on one or more relays. All relays are equal and active at once: what is sent goes to each that is connected, a miss
 * asks all of them, and each is exchanged with anew after a reconnect. They need not know of each other.
 */
export class Replicator implements Replication {
  readonly acks: number;
  readonly degraded: "serve" | "fail";
  readonly alone: "serve" | "refuse";
  readonly ready: Promise<void>;
  readonly counters: SyncCounters = newCounters();
  readonly #options: ReplicatorOptions;
  readonly #fetches: PendingFetches;
  readonly #touches: TouchBatch;
  readonly #claims: ClaimQuorum<Holder>;
  readonly #deliveries: Deliveries<Holder>;
  readonly #unreplicated = new UnreplicatedWrites();
  /** Fetches that wait for the first relay to come up. */
  readonly #waitingForHolder = new Set<() => void>();
  #holders: readonly Holder[] = [];
  #replica: Replica | undefined;
  /** Held since this tick: told at its end, or by the state that is sent before. */
  readonly #newlyWatched = new Set<SessionKey>();
  #watched: WatchedSessions | undefined;
  #registers: RevocationRegisters | undefined;
  #becomeReady: () => void = () => undefined;
  #closing: Promise<void> | undefined;
  /** This node goes, not the relays. */
  #isLeaving = false;

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    this.acks = options.acks;
    this.degraded = options.degraded;
    this.alone = options.alone;
    this.#fetches = new PendingFetches(options.runtime, options.missTimeoutMs);
    this.#claims = new ClaimQuorum({
      runtime: options.runtime,
      relayCount: options.addresses.length,
      answerTimeoutMs: options.missTimeoutMs,
      holders: () => this.#holders,
    });
    this.#deliveries = new Deliveries(options.runtime, options.ackTimeoutMs);
    this.#touches = new TouchBatch(options.runtime, (touches) => this.#broadcast(encodeTouch({ touches })));
    this.ready = new Promise((resolve) => (this.#becomeReady = resolve));
  }

  start(replica: Replica): void {
    this.#replica = replica;
    const { runtime, dial, addresses, credentials, log, clock } = this.#options;
    const dialer: Dialer = {
      role: "node",
      id: runtime.randomBytes(PEER_ID_BYTES),
      incarnation: runtime.randomBytes(INCARNATION_BYTES),
      wantsPromptAcks: this.acks > 0,
    };
    const fingerprints = new Fingerprints(replica, runtime);
    const watched = new WatchedSessions(fingerprints);
    const registers = new RevocationRegisters(replica, runtime, this.counters, log);
    this.#watched = watched;
    this.#registers = registers;
    fingerprints.listen((key, before, after) => {
      if (watched.has(key)) watched.changed(key, before, after);
    });
    this.#holders = addresses.map(
      (address) =>
        new Holder({
          runtime,
          dial,
          address,
          credentials,
          dialer,
          replica,
          counters: this.counters,
          log,
          fingerprints,
          watched,
          registers,
          nowMs: () => clock?.ownMs() ?? runtime.nowMs(),
          onPong: (holder, theirMs, rttMs) => clock?.heard(holder.address, theirMs, rttMs, true),
          wants: (key) => watched.has(key) || this.#fetches.has(key),
          unacknowledged: () => this.#unacknowledged(),
          onSent: (holder, id, number) => this.#deliveries.sent(holder, id, number),
          onAcked: (holder, ack, ids) => this.#acked(holder, ack, ids),
          onGone: (key) => this.#unreplicated.delete(key),
          onSynced: (holder) => this.#deliveries.synced(holder, (id) => holder.isOpen(id), holder.isDurable),
          onFetched: (holder, fetched) => this.#fetched(holder, fetched),
          onClaimed: (holder, claimed) => this.#claims.receive(holder, claimed),
          onUp: (holder) => this.#joined(holder),
          onDown: (holder, isDrained) => this.#left(holder, isDrained),
          onSettled: () => this.#settled(),
        }),
    );
    for (const holder of this.#holders) holder.dial();
  }

  watch(key: SessionKey): void {
    const watched = this.#watched;
    if (watched === undefined || watched.has(key)) return;
    watched.add(key);
    this.#newlyWatched.add(key);
    if (this.#newlyWatched.size === 1) void Promise.resolve().then(() => this.#tellWatched());
  }

  unwatch(key: SessionKey): void {
    this.#tellWatched();
    if (this.#watched?.delete(key) === true) this.#broadcast(encodeUnwatch({ key }));
  }

  /** Settles within `missTimeoutMs`, twice that while the first dial of every relay is still under way. */
  async fetch(key: SessionKey, bornAtMs?: number): Promise<FetchAnswer> {
    this.#tellWatched();
    if (this.#connected().length === 0 && this.#holders.some((holder) => holder.isFirstDial)) await this.#firstHolder();
    const holders = this.#connected();
    if (holders.length === 0 || this.#closing !== undefined) return UNAVAILABLE;
    const { found, absent } = await this.#fetches.ask(key, holders);
    const [first] = found;
    const isComplete = found.length + absent.size === this.#holders.length;
    if (first === undefined) return this.#isAbsent(absent, bornAtMs) ? { kind: "absent", isComplete } : UNAVAILABLE;
    // An end beats any state.
    const record = found.find(({ envelope }) => envelope.ended !== undefined) ?? first;
    // Who has it counts us as watching already. Who does not gets it now.
    if (record.envelope.ended === undefined) this.#watched?.add(key);
    // A state says that it is watched, too.
    if (absent.size > 0) {
      const frame = encodeState({ round: 0, record });
      for (const holder of absent.keys()) holder.tell(key, frame);
    }
    if (found.length > 1) await this.#mergeAll(key, found);
    return { kind: "found", record, isComplete };
  }

  sendState(key: SessionKey, record: SessionRecord): void {
    // Whoever sends a living session watches it: a session that is made here needs no second frame.
    if (record.envelope.ended === undefined) this.#newlyWatched.delete(key);
    this.#tell(key, encodeState({ round: 0, record }));
  }

  sendChange(key: SessionKey, change: Change): void {
    this.#tell(key, encodeChangeMessage({ key, change }));
  }

  sendCompaction(key: SessionKey, epoch: Epoch): void {
    this.#broadcast(encodeCompaction({ key, epoch }));
  }

  sendTouch(key: SessionKey, touchedAtMs: number): void {
    if (this.#closing === undefined) this.#touches.add(key, touchedAtMs);
  }

  sendEnd(key: SessionKey, envelope: Envelope): Promise<Delivery> {
    const frame = encodeEnd({ envelope });
    if (this.#closing === undefined) this.#unreplicated.add(key, frame.length, this.#options.runtime.monotonicMs());
    for (const holder of this.#holders) holder.tellUntilAcked(key, frame);
    return this.#delivered(key, this.#connected());
  }

  sendRevocation(subject: SubjectKey, notBeforeMs: number): Promise<Delivery> {
    const id = `revoke:${subject}`;
    const frame = encodeRevoke({ asks: false, isWhole: false, revocations: [[subject, notBeforeMs]] });
    this.#registers?.raised(subject, notBeforeMs);
    for (const holder of this.#holders) holder.tellUntilAcked(id, frame);
    return this.#delivered(id, this.#connected());
  }

  delivered(key: SessionKey, acks: number): Promise<Delivery> {
    return this.#delivered(key, this.#holders, acks);
  }

  backlog(): Backlog {
    return this.#unreplicated.at(this.#options.runtime.monotonicMs());
  }

  claim(key: SessionKey, name: string, nowMs: number, untilMs: number, bornAtMs: number): Promise<boolean> {
    return this.#claims.claim({ key, name, nowMs, untilMs, bornAtMs });
  }

  release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    return this.#claims.release(key, name, untilMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isLeaving = true;
    this.#touches.flush();
    const closed = this.#holders.map((holder) => holder.close());
    this.#deliveries.close();
    this.#fetches.close();
    this.#claims.close();
    this.#wakeFetches();
    this.#becomeReady();
    await Promise.all(closed);
  }

  #connected(): Holder[] {
    return this.#holders.filter((holder) => holder.isUp);
  }

  /** To every connected holder, until one has it. */
  #tell(key: SessionKey, frame: Uint8Array): void {
    if (this.#closing !== undefined) return;
    this.#unreplicated.add(key, frame.length, this.#options.runtime.monotonicMs());
    for (const holder of this.#holders) holder.tell(key, frame);
  }

  #delivered(id: string, holders: readonly Holder[], wanted = holders.length): Promise<Delivery> {
    if (this.#closing !== undefined) return Promise.resolve({ acks: 0, wanted: 0, durable: false });
    const targets = holders.map((holder) => ({ holder, number: holder.awaited(id), durable: holder.isDurable }));
    return this.#deliveries.wait(id, wanted, targets);
  }

  #acked(holder: Holder, ack: Ack, ids: readonly string[]): void {
    for (const id of ids) this.#unreplicated.delete(id);
    this.#deliveries.acked(holder, ack.number, new Set(ack.missed), ack.durable, (id) => holder.awaited(id));
  }

  /** Sessions with writes that no holder has, or that somebody waits for. */
  *#unacknowledged(): Iterable<SessionKey> {
    yield* this.#unreplicated.ids();
    for (const id of this.#deliveries.ids()) if (!id.includes(":")) yield id;
  }

  #tellWatched(): void {
    const keys = [...this.#newlyWatched];
    this.#newlyWatched.clear();
    for (let from = 0; from < keys.length; from += WATCH_COUNT_MAX) {
      const slice = keys.slice(from, from + WATCH_COUNT_MAX);
      const sessions = slice.map((key) => ({ key, fingerprint: this.#replica?.fingerprint(key) ?? 0, isRecent: false }));
      this.#broadcast(encodeWatch({ sessions }));
    }
  }

  #broadcast(frame: Uint8Array): void {
    for (const holder of this.#holders) holder.send(frame);
  }

  #settled(): void {
    if (this.#holders.some((holder) => holder.isFirstDial)) return;
    this.#becomeReady();
    this.#wakeFetches();
  }

  /** Nobody has it: whether that is known. */
  #isAbsent(absent: FetchOutcome["absent"], bornAtMs: number | undefined): boolean {
    const { runtime, clock, clockErrorMs, forgetLossAfterMs } = this.#options;
    const answers = this.#holders.map((holder) => ({
      answer: absent.has(holder) ? ("absent" as const) : ("none" as const),
      status: holder.relay?.status,
      heardUntilMs: absent.get(holder),
    }));
    return absenceCounts(answers, { bornAtMs, nowMs: clock?.nowMs() ?? runtime.nowMs(), clockErrorMs, forgetLossAfterMs });
  }

  #joined({ address }: Holder): void {
    this.#wakeFetches();
    this.#options.log(`relay ${address} joined`);
    this.#options.emit({ type: "member-joined", member: address });
  }

  #left(holder: Holder, isDrained: boolean): void {
    this.#fetches.lost(holder);
    this.#deliveries.lost(holder);
    this.#options.clock?.lost(holder.address);
    this.#claims.lost(holder);
    if (this.#isLeaving) return;
    this.#options.log(`relay ${holder.address} left${isDrained ? " (it stopped)" : ""}`);
    this.#options.emit({ type: "member-left", member: holder.address, isDrained });
  }

  /** Resolves when a relay is up, when all first dials failed, or after `missTimeoutMs`. */
  #firstHolder(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        stopTimer();
        this.#waitingForHolder.delete(wake);
        resolve();
      };
      const stopTimer = this.#options.runtime.setTimer(this.#options.missTimeoutMs, wake);
      this.#waitingForHolder.add(wake);
    });
  }

  #wakeFetches(): void {
    for (const wake of this.#waitingForHolder) wake();
  }

  #fetched(holder: Holder, fetched: Fetched): void {
    if (this.#fetches.receive(holder, fetched) || fetched.answer.kind !== "found" || this.#closing !== undefined) return;
    // Too late for its request, but not for the session, if that is held here by now.
    const { record } = fetched.answer;
    if (this.#watched?.has(record.envelope.key) === true) void this.#mergeAll(record.envelope.key, [record]);
  }

  /** Several holders had it, maybe in several states: the replica gets all of them before the request goes on, within the timeout. */
  async #mergeAll(key: SessionKey, records: readonly SessionRecord[]): Promise<void> {
    const replica = this.#replica;
    if (replica === undefined || this.#closing !== undefined) return;
    const settled = Promise.all(records.map((record) => replica.receiveState(key, record))).then(async (receipts) => {
      this.counters.refusedStates += receipts.filter(({ kind }) => kind === "refused").length;
      const differed = receipts.some(({ ahead }) => ahead) || receipts.slice(1).some(({ kind }) => kind === "merged");
      if (!differed || this.#closing !== undefined) return;
      const whole = await replica.record(key);
      // The relays that differed are equal again.
      if (whole !== undefined) this.sendState(key, whole);
    });
    let stopTimer: () => void = () => undefined;
    const timeout = new Promise<void>((resolve) => (stopTimer = this.#options.runtime.setTimer(this.#options.missTimeoutMs, resolve)));
    await Promise.race([settled.catch(() => undefined), timeout]);
    stopTimer();
  }
}
