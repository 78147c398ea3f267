import type {
  Backlog,
  Change,
  Delivery,
  Envelope,
  FetchAnswer,
  Replica,
  Replication,
  Runtime,
  SessionEvent,
  SessionKey,
  SessionRecord,
} from "../engine/index.ts";
import type { Credentials } from "./credentials.ts";
import { absenceCounts } from "./completeness.ts";
import { newCounters, type SyncCounters, type SyncLog } from "./counters.ts";
import { ClaimQuorum } from "./claim-quorum.ts";
import { Holder } from "./holder.ts";
import { INCARNATION_BYTES, PEER_ID_BYTES } from "./messages/challenge.ts";
import { encodeChangeMessage } from "./messages/change.ts";
import type { Fetched } from "./messages/fetched.ts";
import type { Dialer } from "./messages/hello.ts";
import { encodeState } from "./messages/state.ts";
import { encodeTouch } from "./messages/touch.ts";
import { encodeUnwatch } from "./messages/unwatch.ts";
import { encodeWatch } from "./messages/watch.ts";
import { PendingFetches } from "./pending-fetches.ts";
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
  readonly #watched = new Set<SessionKey>();
  readonly #fetches: PendingFetches;
  readonly #touches: TouchBatch;
  readonly #claims: ClaimQuorum<Holder>;
  /** Deliveries under way: each settles at once when called. */
  readonly #deliveries = new Set<() => void>();
  /** Fetches that wait for the first relay to come up. */
  readonly #waitingForHolder = new Set<() => void>();
  #holders: readonly Holder[] = [];
  #replica: Replica | undefined;
  #becomeReady: () => void = () => undefined;
  #closing: Promise<void> | undefined;

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
    this.#touches = new TouchBatch(options.runtime, (touches) => this.#broadcast(encodeTouch({ touches })));
    this.ready = new Promise((resolve) => (this.#becomeReady = resolve));
  }

  start(replica: Replica): void {
    this.#replica = replica;
    const { runtime, dial, addresses, credentials, log } = this.#options;
    const dialer: Dialer = {
      role: "node",
      id: runtime.randomBytes(PEER_ID_BYTES),
      incarnation: runtime.randomBytes(INCARNATION_BYTES),
      wantsPromptAcks: this.acks > 0,
    };
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
          wants: (key) => this.#watched.has(key) || this.#fetches.has(key),
          watchedKeys: () => this.#watched,
          onHeld: (key) => this.#watched.add(key),
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
    if (this.#watched.has(key)) return;
    this.#watched.add(key);
    this.#broadcast(encodeWatch({ key }));
  }

  unwatch(key: SessionKey): void {
    if (this.#watched.delete(key)) this.#broadcast(encodeUnwatch({ key }));
  }

  /** Settles within `missTimeoutMs`, twice that while the first dial of every relay is still under way. */
  async fetch(key: SessionKey, bornAtMs?: number): Promise<FetchAnswer> {
    if (this.#connected().length === 0 && this.#holders.some((holder) => holder.isFirstDial)) await this.#firstHolder();
    const holders = this.#connected();
    if (holders.length === 0 || this.#closing !== undefined) return UNAVAILABLE;
    const { found, absent } = await this.#fetches.ask(key, holders);
    const [first] = found;
    const isComplete = found.length + absent.length === this.#holders.length;
    if (first === undefined) return this.#isAbsent(absent, bornAtMs) ? { kind: "absent", isComplete } : UNAVAILABLE;
    // An end beats any state.
    const record = found.find(({ envelope }) => envelope.ended !== undefined) ?? first;
    // Who has it counts us as watching already. Who does not gets it now.
    if (record.envelope.ended === undefined) this.#watched.add(key);
    for (const holder of absent) {
      if (record.envelope.ended === undefined) holder.send(encodeWatch({ key }));
      holder.send(encodeState({ round: 0, record }));
    }
    if (found.length > 1) await this.#mergeAll(key, found);
    return { kind: "found", record, isComplete };
  }

  sendState(_key: SessionKey, record: SessionRecord): void {
    this.#broadcast(encodeState({ round: 0, record }));
  }

  sendChange(key: SessionKey, change: Change): void {
    this.#broadcast(encodeChangeMessage({ key, change }));
  }

  sendTouch(key: SessionKey, touchedAtMs: number): void {
    if (this.#closing === undefined) this.#touches.add(key, touchedAtMs);
  }

  sendEnd(_key: SessionKey, envelope: Envelope): Promise<Delivery> {
    const wanted = this.#connected().length;
    return new Promise((resolve) => {
      let acks = 0;
      let isDurable = true;
      const settle = (): void => {
        stopTimer();
        this.#deliveries.delete(settle);
        resolve({ acks, wanted, durable: acks > 0 && isDurable });
      };
      const stopTimer = this.#options.runtime.setTimer(this.#options.ackTimeoutMs, settle);
      this.#deliveries.add(settle);
      for (const holder of this.#holders) {
        const isAsked = holder.isUp;
        holder.sendEnd(envelope, (durable) => {
          if (!isAsked) return;
          acks += 1;
          isDurable &&= durable;
          if (acks === wanted) settle();
        });
      }
      if (wanted === 0 || this.#closing !== undefined) settle();
    });
  }

  async sendRevocation(): Promise<Delivery> {
    return { acks: 0, wanted: 0, durable: false };
  }

  async delivered(): Promise<Delivery> {
    return { acks: 0, wanted: 0, durable: false };
  }

  backlog(): Backlog {
    return { sessions: 0, bytes: 0, ageMs: 0 };
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
    this.#touches.flush();
    const closed = this.#holders.map((holder) => holder.close());
    for (const settle of this.#deliveries) settle();
    this.#fetches.close();
    this.#claims.close();
    this.#wakeFetches();
    this.#becomeReady();
    await Promise.all(closed);
  }

  #connected(): Holder[] {
    return this.#holders.filter((holder) => holder.isUp);
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
  #isAbsent(absent: readonly Holder[], bornAtMs: number | undefined): boolean {
    const { runtime, clockErrorMs, forgetLossAfterMs } = this.#options;
    const answers = this.#holders.map((holder) => ({
      answer: absent.includes(holder) ? ("absent" as const) : ("none" as const),
      status: holder.relay?.status,
    }));
    return absenceCounts(answers, { bornAtMs, nowMs: runtime.nowMs(), clockErrorMs, forgetLossAfterMs });
  }

  #joined({ address }: Holder): void {
    this.#wakeFetches();
    this.#options.log(`relay ${address} joined`);
    this.#options.emit({ type: "member-joined", member: address });
  }

  #left(holder: Holder, isDrained: boolean): void {
    this.#fetches.lost(holder);
    this.#claims.lost(holder);
    if (this.#closing !== undefined) return;
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
    if (this.#watched.has(record.envelope.key)) void this.#mergeAll(record.envelope.key, [record]);
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
      if (whole !== undefined) this.#broadcast(encodeState({ round: 0, record: whole }));
    });
    let stopTimer: () => void = () => undefined;
    const timeout = new Promise<void>((resolve) => (stopTimer = this.#options.runtime.setTimer(this.#options.missTimeoutMs, resolve)));
    await Promise.race([settled.catch(() => undefined), timeout]);
    stopTimer();
  }
}
