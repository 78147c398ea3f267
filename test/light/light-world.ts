import { endEnvelope, type EndReason, type Envelope, sameEnvelope } from "../../src/engine/envelope.ts";
import type { HolderAnswer } from "../../src/sync/completeness.ts";
import type { Rules } from "../model/rules.ts";

const KEY = "AAAAAAAAAAAAAAAAAAAAAA";
const NEXT_KEY = "BBBBBBBBBBBBBBBBBBBBBB";
const EPSILON_MS = 2_000;
const BORN_AT_MS = 1_000_000;
const NODE_COUNT_MAX = 4;
const RELAY_COUNT_MAX = 2;
/** Frames that may still arrive; of more the oldest are gone. */
const SENT_COUNT_MAX = 8;
/**
 * What only lies on a disk is loaded when the session is heard of, and is news for everybody then: so many rounds as there are disks, and two.
 * By broken rules they would go on for ever.
 */
const HEAL_ROUNDS_MAX = NODE_COUNT_MAX + 2;
const REACHABLE_RELAY = { isComplete: true, completeSinceMs: 0, memberCount: 1 };

/** What happens, as often as it stands here: an event is a word, and says by itself what it is, to whom, and how much of it. */
const KINDS = [
  "wait",
  "wait",
  "wait-long",
  "wait-for-deadline",
  "request",
  "request",
  "request",
  "deliver",
  "deliver",
  "deliver",
  "merge",
  "merge",
  "end",
  "sweep",
  "sweep",
  "sweep-all",
  "restart",
  "late-save",
  "old-copy",
  "rotate",
  "clock-step",
  "stray-touch",
] as const;

interface LightReplica {
  holds: Envelope | undefined;
  store: Envelope | undefined;
  /** Of its clock, milliseconds ahead of the true time: 0 to ε, so that no two clocks differ by more. */
  offsetMs: number;
  highestMs: number;
  /** It read that the session is over, other than by age or for being idle, and its disk was not replaced since. */
  knew: boolean;
}

/**
 * One session on a few nodes and relays, without documents and sockets: only its envelopes, by the rules that it is given. What the exhaustive
 * model does in whole ticks and a few steps happens here in milliseconds and a hundred, by chance.
 */
export class LightWorld {
  readonly #rules: Rules;
  readonly #replicas: LightReplica[] = [];
  readonly #sent: (Envelope | undefined)[] = [];
  readonly #answers: HolderAnswer[] = [];
  #nodeCount = 0;
  #relayCount = 0;
  #born: Envelope = bornWith(1, 1);
  /** A touch from a clock that is far ahead: it never counts while the session can live. */
  #stray: Envelope = bornWith(1, 1);
  #timeMs = 0;
  #usedAtMs = 0;
  #stampMs = 0;
  #sentCount = 0;
  #wasRotated = false;
  #broken: string | undefined;

  constructor(rules: Rules) {
    this.#rules = rules;
    for (let index = 0; index < NODE_COUNT_MAX + RELAY_COUNT_MAX; index++)
      this.#replicas.push({ holds: undefined, store: undefined, offsetMs: 0, highestMs: 0, knew: false });
  }

  /** Plays a world: the first word says what it is like. The first law that is broken, with what is wrong. */
  play(setup: number, events: Uint32Array, count: number): string | undefined {
    this.#begin(setup);
    for (let at = 0; at < count && this.#broken === undefined; at++) this.#happen(events[at] as number);
    if (this.#broken === undefined) this.#heal();
    return this.#broken;
  }

  #begin(setup: number): void {
    this.#nodeCount = 2 + (setup % 3);
    this.#relayCount = (setup >>> 2) % 3;
    // In every other world only the deadline counts: beside a short idle timeout it would hardly ever be what ends a session.
    const idleTimeoutMs = setup >>> 31 === 0 ? 3_000 + ((setup >>> 4) % 64) * 700 : 600_000;
    this.#born = bornWith(idleTimeoutMs, 4_000 + ((setup >>> 10) % 128) * 1_000);
    this.#stray = { ...this.#born, touchedAtMs: this.#born.deadlineMs + 5 * EPSILON_MS };
    this.#timeMs = BORN_AT_MS;
    this.#usedAtMs = BORN_AT_MS;
    this.#stampMs = 0;
    this.#sentCount = 0;
    this.#wasRotated = false;
    this.#broken = undefined;
    for (const [index, replica] of this.#replicas.entries()) {
      replica.holds = index === 0 ? this.#born : undefined;
      replica.store = replica.holds;
      replica.offsetMs = ((setup >>> (index + 17)) % 5) * (EPSILON_MS / 4);
      replica.highestMs = 0;
      replica.knew = false;
    }
    this.#send(this.#born);
  }

  #happen(word: number): void {
    const kind = KINDS[word % KINDS.length];
    const amount = word >>> 20;
    const count = this.#nodeCount + this.#relayCount;
    const index = (word >>> 5) % count;
    const replica = this.#at(index);
    const node = this.#at(index % this.#nodeCount);
    if (kind === "wait") this.#timeMs += amount % 1_000;
    else if (kind === "wait-long") this.#timeMs += amount * 4;
    else if (kind === "wait-for-deadline") this.#waitForDeadline(amount);
    else if (kind === "request") this.#request(node, (word >>> 9) & 3);
    else if (kind === "deliver") this.#receive(replica, this.#sent[(word >>> 9) % Math.min(this.#sentCount, SENT_COUNT_MAX)]);
    else if (kind === "merge") this.#receive(replica, this.#at((word >>> 9) % count).holds);
    else if (kind === "end") this.#logout(node, amount);
    else if (kind === "sweep") this.#sweep(replica);
    else if (kind === "sweep-all") for (let each = 0; each < count; each++) this.#sweep(this.#at(each));
    else if (kind === "restart") node.holds = undefined;
    else if (kind === "late-save") this.#save(node, this.#sent[(word >>> 9) % Math.min(this.#sentCount, SENT_COUNT_MAX)]);
    else if (kind === "old-copy") this.#restoreOldCopy(node, amount);
    else if (kind === "rotate") this.#rotate(node, amount);
    else if (kind === "stray-touch") this.#receive(replica, this.#stray);
    else replica.offsetMs = amount % (EPSILON_MS + 1);
  }

  /** To where the clocks may differ about it, or where it is forgotten: chance alone would seldom stop there. */
  #waitForDeadline(amount: number): void {
    if (amount % 4 === 0) this.#timeMs = Math.max(this.#timeMs, this.#born.deadlineMs - EPSILON_MS + 4 * (amount >>> 2));
  }

  #at(index: number): LightReplica {
    return this.#replicas[index] as LightReplica;
  }

  #isNode(replica: LightReplica): boolean {
    return this.#replicas.indexOf(replica) < this.#nodeCount;
  }

  #clock(replica: LightReplica): number {
    const nowMs = this.#timeMs + replica.offsetMs;
    if (!this.#rules.hasHighWater) return nowMs;
    if (nowMs > replica.highestMs) replica.highestMs = nowMs;
    return replica.highestMs;
  }

  #send(envelope: Envelope): void {
    this.#sent[this.#sentCount++ % SENT_COUNT_MAX] = envelope;
  }

  #request(node: LightReplica, reached: number): void {
    if (node.holds === undefined && !this.#load(node, reached)) return;
    const nowMs = this.#clock(node);
    let envelope = node.holds as Envelope;
    const isStamped = this.#rules.hasStamp && envelope.ended === undefined && this.#stampMs > envelope.touchedAtMs;
    if (isStamped && this.#stampMs - nowMs <= EPSILON_MS) envelope = { ...envelope, touchedAtMs: this.#stampMs };
    const now = this.#rules.verdict(envelope, nowMs);
    if (now === "alive") {
      this.#checkAlive(node);
      this.#usedAtMs = this.#timeMs;
      this.#stampMs = Math.max(this.#stampMs, nowMs);
      if (nowMs > envelope.touchedAtMs) envelope = { ...envelope, touchedAtMs: nowMs };
      node.holds = envelope;
      this.#send(envelope);
    } else if (envelope.ended === undefined) {
      if (now === "idle") this.#checkEarly(envelope);
      if (this.#rules.tellsForGood) this.#end(node, now === "idle" ? "expired" : "rotated");
      else node.knew = true;
    }
  }

  /** From the own disk, where the relays that can be reached confirm it. */
  #load(node: LightReplica, reached: number): boolean {
    let record = node.store;
    if (record === undefined) return false;
    const nowMs = this.#clock(node);
    let isKnownOver = false;
    this.#answers.length = this.#relayCount;
    for (let relay = 0; relay < this.#relayCount; relay++) {
      const { holds, knew } = this.#at(this.#nodeCount + relay);
      isKnownOver ||= knew;
      const isReached = (reached & (1 << relay)) !== 0;
      if (isReached && holds !== undefined) record = this.#rules.join(record, this.#rules.received(holds, nowMs, EPSILON_MS));
      const answer = isReached ? (holds === undefined ? "absent" : "found") : "none";
      this.#answers[relay] = { answer, status: isReached ? REACHABLE_RELAY : undefined };
    }
    const question = { bornAtMs: BORN_AT_MS, nowMs, clockErrorMs: EPSILON_MS, forgetLossAfterMs: this.#born.idleTimeoutMs };
    if (record.ended === undefined && this.#relayCount > 0 && !this.#rules.confirms(this.#answers, question)) return false;
    const isAlive = this.#rules.verdict(record, nowMs) === "alive" && record.successor === undefined;
    if (isAlive && isKnownOver) this.#broken ??= "[R16] a session from an own old disk is served, and a relay knew that it is over";
    this.#hold(node, record);
    return true;
  }

  #receive(replica: LightReplica, sent: Envelope | undefined): void {
    if (sent === undefined) return;
    const nowMs = this.#clock(replica);
    const came = this.#rules.received(sent, nowMs, EPSILON_MS);
    const held = replica.holds ?? (this.#rules.readsOwnStore ? replica.store : undefined);
    // What an own disk has is loaded, and what came is merged into it, before anybody judges either.
    if (held === undefined && this.#rules.discardAtMs(came, EPSILON_MS) <= nowMs) return;
    const after = held === undefined ? came : this.#rules.join(held, came);
    if (held?.ended === undefined && after.ended === undefined && after.touchedAtMs < (held?.touchedAtMs ?? 0))
      this.#broken ??= "[E3] the last use of a session moves backwards";
    this.#hold(replica, after);
  }

  #logout(node: LightReplica, amount: number): void {
    // Seldom: a world whose session is over has little left to show.
    if (amount % 4 !== 0 || node.holds === undefined || this.#rules.verdict(node.holds, this.#clock(node)) !== "alive") return;
    this.#end(node, "destroyed");
  }

  #end(node: LightReplica, reason: EndReason): void {
    const envelope = node.holds as Envelope;
    this.#hold(node, endEnvelope(envelope, envelope.ended ?? { reason, atMs: this.#clock(node) }));
    this.#send(node.holds as Envelope);
  }

  #hold(replica: LightReplica, envelope: Envelope): void {
    replica.holds = envelope;
    if (this.#isNode(replica) && (envelope.ended === undefined || this.#rules.storesEnds)) this.#save(replica, envelope);
    this.#learn(replica);
    this.#checkAlive(replica);
  }

  #save(replica: LightReplica, envelope: Envelope | undefined): void {
    if (envelope === undefined) return;
    // Of what came late it is what was written there once: never the end of another.
    if (envelope.ended !== undefined && replica.holds?.ended === undefined) return;
    replica.store = replica.store === undefined || !this.#rules.storeMerges ? envelope : this.#rules.join(replica.store, envelope);
  }

  #learn(replica: LightReplica): void {
    const { holds } = replica;
    if (holds === undefined || replica.knew) return;
    const nowMs = this.#clock(replica);
    if (holds.ended !== undefined || (nowMs < holds.deadlineMs && this.#rules.verdict(holds, nowMs) === "ended")) replica.knew = true;
  }

  #sweep(replica: LightReplica): void {
    const nowMs = this.#clock(replica);
    this.#learn(replica);
    const { holds, store } = replica;
    if (this.#rules.sweepEnds && holds !== undefined && this.#isNode(replica) && this.#rules.verdict(holds, nowMs) === "idle") {
      this.#checkEarly(holds);
      this.#end(replica, "expired");
      return;
    }
    if (holds !== undefined && this.#rules.discardAtMs(holds, EPSILON_MS) <= nowMs) replica.holds = undefined;
    if (store !== undefined && this.#rules.discardAtMs(store, EPSILON_MS) <= nowMs) replica.store = undefined;
  }

  #restoreOldCopy(node: LightReplica, amount: number): void {
    if (amount % 8 !== 0) return;
    node.holds = undefined;
    node.store = this.#born;
    node.highestMs = 0;
    node.knew = false;
  }

  #rotate(node: LightReplica, amount: number): void {
    const { holds } = node;
    if (this.#wasRotated || amount % 8 !== 0 || holds === undefined || this.#rules.verdict(holds, this.#clock(node)) !== "alive") return;
    this.#wasRotated = true;
    this.#hold(node, { ...holds, successor: { key: NEXT_KEY, atMs: this.#clock(node) + 1 + (amount % 4_000) } });
    this.#send(node.holds as Envelope);
  }

  /** It is asked for, or was just changed. */
  #checkAlive(replica: LightReplica): void {
    const { holds } = replica;
    if (holds === undefined || this.#rules.verdict(holds, this.#clock(replica)) !== "alive") return;
    if (replica.knew) this.#broken ??= "[E8] a replica that knew that the session is over reads it alive";
    const isLate = holds.successor === undefined && this.#timeMs - this.#usedAtMs >= holds.idleTimeoutMs + EPSILON_MS;
    if (isLate) this.#broken ??= "[E9] a session that nobody used for its idle timeout and more still reads alive";
  }

  #checkEarly({ idleTimeoutMs }: Envelope): void {
    if (this.#timeMs - this.#usedAtMs < idleTimeoutMs - EPSILON_MS)
      this.#broken ??= "[E9] a session expires while it is in use, by more than the clocks are apart";
  }

  /** Everybody exchanges all that they hold, until nobody has news for another: all agree, and what ended is over. */
  #heal(): void {
    const count = this.#nodeCount + this.#relayCount;
    let isOver = false;
    for (let index = 0; index < count; index++) isOver ||= this.#at(index).holds?.ended !== undefined;
    for (let round = 0; round < HEAL_ROUNDS_MAX && this.#exchangeAll(count); round++);
    let first: Envelope | undefined;
    for (let index = 0; index < count; index++) {
      const { holds } = this.#at(index);
      if (holds === undefined) continue;
      first ??= holds;
      if (isOver && holds.ended === undefined) this.#broken ??= "[E2] an end that somebody has does not win when everything is exchanged";
      // Past its deadline it is dead everywhere, whatever a replica still holds of it.
      const isSame =
        this.#timeMs >= this.#born.deadlineMs ||
        (holds.ended?.atMs === first.ended?.atMs &&
          holds.touchedAtMs === first.touchedAtMs &&
          holds.successor?.atMs === first.successor?.atMs);
      if (!isSame) this.#broken ??= "[E9] replicas that have exchanged everything do not agree";
    }
  }

  /** Each tells all others what it holds. True where that was news for any. */
  #exchangeAll(count: number): boolean {
    let isNews = false;
    for (let from = 0; from < count; from++) {
      for (let to = 0; to < count; to++) {
        const replica = this.#at(to);
        const before = replica.holds;
        if (to !== from) this.#receive(replica, this.#at(from).holds);
        isNews ||= replica.holds !== before && (before === undefined || !sameEnvelope(before, replica.holds as Envelope));
      }
    }
    return isNews;
  }
}

/** One line for a person. */
export function sayEvent(word: number): string {
  return `${KINDS[word % KINDS.length] ?? "?"} replica ${(word >>> 5) & 7}, choice ${(word >>> 9) & 15}, amount ${word >>> 20}`;
}

function bornWith(idleTimeoutMs: number, lifeMs: number): Envelope {
  return {
    key: KEY,
    createdAtMs: BORN_AT_MS,
    firstKey: KEY,
    firstCreatedAtMs: BORN_AT_MS,
    deadlineMs: BORN_AT_MS + lifeMs,
    idleTimeoutMs,
    idleTimeoutStamp: 0,
    touchedAtMs: BORN_AT_MS,
    subject: undefined,
    subjectAtMs: 0,
    successor: undefined,
    ended: undefined,
  };
}
