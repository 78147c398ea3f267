import type { EndReason, Envelope } from "../../src/engine/envelope.ts";
import type { HolderAnswer } from "../../src/sync/completeness.ts";
import { Membership } from "../../src/sync/membership.ts";
import { everyChoice } from "./every-choice.ts";
import { Envelopes, NONE, TICK_MS } from "./envelopes.ts";
import type { Model, Put } from "./explorer.ts";
import type { Rules } from "./rules.ts";
import { REPLICA_WORD, readReplica, type Replica, Scene, writeScene, readScene } from "./scene.ts";
import type { World } from "./world.ts";

const KEY = "AAAAAAAAAAAAAAAAAAAAAA";
const NEXT_KEY = "BBBBBBBBBBBBBBBBBBBBBB";

/** What happens in a step. */
const Kind = {
  begin: 0,
  tick: 1,
  setBack: 2,
  use: 3,
  tellIdle: 4,
  tellOver: 5,
  logout: 6,
  rotate: 7,
  hear: 8,
  forget: 9,
  restart: 10,
  restoreOldCopy: 11,
  lateSave: 12,
  load: 13,
  sweepEnd: 14,
} as const;

/**
 * One session on `nodeCount` nodes and the relays between them. Whatever was ever sent may reach anybody at any later time, any number of
 * times, in any order, or never: that stands for every network. Nodes differ in nothing but what happened to them.
 *
 * What cannot change the outcome is left out: the document (an end drops it), and the instant of an end (joins keep the earlier; nothing asks
 * for it). A store has at once what it is given; a crash before that is a restart with the old copy.
 */
export class EnvelopeModel implements Model {
  readonly wordCount: number;
  readonly #world: World;
  readonly #rules: Rules;
  readonly #envelopes: Envelopes;
  /** Of the step that is being made. */
  readonly #scene: Scene;
  /** Of the state that is being looked at meanwhile. */
  readonly #looked: Scene;
  readonly #next: Int32Array;
  readonly #born: Envelope;
  readonly #bornId: number;
  readonly #answers: HolderAnswer[];
  readonly #status: HolderAnswer["status"];
  /** Clocks of two nodes differ by no more. */
  readonly #skew: number;
  /** All touches are taken by everybody. */
  readonly #isAgreeing: boolean;

  constructor(world: World, rules: Rules) {
    this.#world = world;
    this.#rules = rules;
    this.#envelopes = new Envelopes(rules);
    this.#scene = new Scene(world.nodeCount + world.relayCount);
    this.#looked = new Scene(world.nodeCount + world.relayCount);
    this.wordCount = REPLICA_WORD + world.nodeCount + world.relayCount;
    this.#next = new Int32Array(this.wordCount);
    this.#born = {
      key: KEY,
      createdAtMs: 0,
      firstKey: KEY,
      firstCreatedAtMs: 0,
      deadlineMs: world.deadline * TICK_MS,
      idleTimeoutMs: world.idleTimeout * TICK_MS,
      idleTimeoutStamp: 0,
      touchedAtMs: 0,
      subject: undefined,
      subjectAtMs: 0,
      successor: undefined,
      ended: undefined,
    };
    this.#bornId = this.#envelopes.idOf(this.#born);
    this.#answers = [];
    // Relays that were there before the session, and know nothing of each other.
    const forgetLossAfterMs = world.idleTimeout * TICK_MS;
    this.#status = new Membership({ nowMs: -10 * TICK_MS, keptSinceMs: undefined, addresses: [], forgetLossAfterMs }).status(0);
    this.#skew = Math.max(...world.offsets) - Math.min(...world.offsets);
    this.#isAgreeing = this.#skew <= 1 && world.stepBack === 0 && world.strayTouch === 0;
  }

  begin(put: Put): void {
    const { nodeCount, relayCount, offsets, relayOffsets, strayTouch } = this.#world;
    const clocks = [...Array<readonly number[]>(nodeCount).fill(offsets), ...Array<readonly number[]>(relayCount).fill(relayOffsets)];
    const scene = this.#scene;
    for (const offset of everyChoice(clocks)) {
      scene.clear();
      for (const [index, replica] of scene.replicas.entries()) replica.offset = offset[index] ?? 0;
      const first = scene.replicas[0] as Replica;
      first.holds = this.#bornId;
      first.store = this.#bornId;
      scene.sent = 1 << this.#bornId;
      if (strayTouch > 0) scene.sent |= 1 << this.#envelopes.idOf({ ...this.#born, touchedAtMs: strayTouch * TICK_MS });
      this.#put(put, Kind.begin, 0);
    }
  }

  step(state: Int32Array, put: Put): void {
    const { nodeCount, horizon, stepBack } = this.#world;
    const scene = this.#scene;
    readScene(state, scene);
    const { time, sent } = scene;
    if (time < horizon) {
      scene.time++;
      for (const replica of scene.replicas) {
        replica.lag = Math.max(0, replica.lag - 1);
        this.#learn(replica);
      }
      this.#put(put, Kind.tick, 0);
      readScene(state, scene);
    }
    for (let index = 0; index < scene.replicas.length; index++) {
      const before = state[REPLICA_WORD + index] as number;
      const replica = scene.replicas[index] as Replica;
      const again = (): void => {
        readReplica(before, replica);
        scene.readRest(state);
      };
      if (stepBack > 0 && !scene.wasSetBack && index < nodeCount) {
        scene.wasSetBack = true;
        replica.offset -= stepBack;
        // It stands still instead of going back.
        if (this.#rules.hasHighWater) replica.lag = stepBack;
        this.#put(put, Kind.setBack, index);
        again();
      }
      this.#hear(index, replica, sent, again, put);
      this.#forget(index, replica, again, put);
      if (index >= nodeCount) continue;
      if (replica.holds !== NONE) this.#request(index, replica, again, put);
      else if (replica.store !== NONE) this.#load(index, replica, again, put);
      this.#disk(index, replica, again, put);
    }
  }

  canonical(state: Int32Array): void {
    const { nodeCount, relayCount } = this.#world;
    sort(state, REPLICA_WORD, nodeCount);
    sort(state, REPLICA_WORD + nodeCount, relayCount);
  }

  check(state: Int32Array): string | undefined {
    const { nodeCount, touches, strayTouch } = this.#world;
    const scene = this.#looked;
    readScene(state, scene);
    const envelopes = this.#envelopes;
    for (let index = 0; index < nodeCount; index++) {
      const replica = scene.replicas[index] as Replica;
      if (replica.holds === NONE || envelopes.verdict(replica.holds, scene.clock(replica)) !== "alive") continue;
      if (replica.knew) return "[E8] a node that knew that the session is over reads it alive";
      if ((touches > 0 || strayTouch > 0) && scene.time - scene.usedAt >= this.#world.idleTimeout + this.#skew)
        return "[E4] a session that nobody used for its idle timeout and more still reads alive";
    }
    return this.#checkHealed();
  }

  tell(before: Int32Array, step: number, after: Int32Array): string {
    const [kind, index, detail] = [step >> 16, (step >> 8) & 0xff, step & 0xff];
    const scene = this.#looked;
    readScene(after, scene);
    const { time } = scene;
    const clocks = scene.replicas.map((replica) => scene.clock(replica) - time);
    const name = this.#name(index);
    const holds = this.#say(scene.replicas[index]?.holds ?? NONE, scene.clock(scene.replicas[index] as Replica));
    readScene(before, scene);
    const held = this.#say(scene.replicas[index]?.holds ?? NONE, undefined);
    const came = this.#say(kind === Kind.hear ? detail : NONE, undefined);
    const said: Record<number, string> = {
      [Kind.begin]: `a session is made on node A; it ends at ${this.#world.deadline}. the clocks of ${this.#names()} are off by ${clocks.join(", ")}`,
      [Kind.tick]: "time goes on",
      [Kind.setBack]: `the clock of ${name} is set back by ${this.#world.stepBack}`,
      [Kind.use]: `a request on ${name} uses the session: ${holds}`,
      [Kind.tellIdle]: `a request on ${name} is told that the session is idle`,
      [Kind.tellOver]: `a request on ${name} is told that the session is over`,
      [Kind.logout]: `a user logs out on ${name}`,
      [Kind.rotate]: `a request on ${name} rotates the id: the old session is ${holds}`,
      [Kind.hear]: `${name} receives ${came}, sent earlier: it now holds ${holds}`,
      [Kind.forget]: `${name} sweeps, and forgets ${held}`,
      [Kind.restart]: `${name} stops and starts again, and has what is on its disk`,
      [Kind.restoreOldCopy]: `${name} starts again on an old copy of its disk, from when the session was born`,
      [Kind.lateSave]: `a slow request on ${name} stores the session as it was when it began`,
      [Kind.load]: `${name} asks ${relaysIn(detail, this.#world.relayCount)} about the session on its disk, and serves ${holds}`,
      [Kind.sweepEnd]: `${name} sweeps, and ends the session`,
    };
    return `${String(time).padStart(2)}  ${said[kind] ?? "?"}`;
  }

  /** Something that was sent, whenever, arrives. */
  #hear(index: number, replica: Replica, sent: number, again: () => void, put: Put): void {
    const envelopes = this.#envelopes;
    const clock = this.#scene.clock(replica);
    for (let id = 1; id <= envelopes.count; id++) {
      if ((sent & (1 << id)) === 0) continue;
      const came = envelopes.received(id, clock);
      // Where it only lies on the disk, the request that lets it in loads that, too, before anybody judges either.
      const held = replica.holds === NONE && this.#rules.readsOwnStore ? replica.store : replica.holds;
      if (held === NONE && envelopes.isOver(came, clock)) continue;
      const after = envelopes.join(held, came);
      if (after === replica.holds) continue;
      const isBack = this.#isAgreeing && !envelopes.isEnded(after) && envelopes.touchedAtMs(after) < envelopes.touchedAtMs(held);
      this.#hold(replica, index, after);
      this.#put(put, Kind.hear, index, id, isBack ? "[E3] the last use of a session moves backwards" : undefined);
      again();
    }
  }

  #forget(index: number, replica: Replica, again: () => void, put: Put): void {
    const envelopes = this.#envelopes;
    const clock = this.#scene.clock(replica);
    const isHeldOver = replica.holds !== NONE && envelopes.isOver(replica.holds, clock);
    const isStoredOver = replica.store !== NONE && envelopes.isOver(replica.store, clock);
    if (!isHeldOver && !isStoredOver) return;
    if (isHeldOver) replica.holds = NONE;
    if (isStoredOver) replica.store = NONE;
    this.#put(put, Kind.forget, index);
    again();
  }

  #request(index: number, replica: Replica, again: () => void, put: Put): void {
    const { touches, hasEnd, grace } = this.#world;
    const envelopes = this.#envelopes;
    const scene = this.#scene;
    const clock = scene.clock(replica);
    const held = replica.holds;
    const now = envelopes.verdict(held, clock);
    if (this.#rules.sweepEnds && now === "idle") {
      this.#end(replica, index, "expired");
      this.#put(put, Kind.sweepEnd, index, 0, this.#tooEarly());
      again();
    }
    const stamped = this.#rules.hasStamp && scene.stamp > 0 ? this.#stamped(held, scene.stamp, clock) : held;
    const verdict = envelopes.verdict(stamped, clock);
    if (verdict === "alive" && touches > scene.uses) {
      if (envelopes.at(stamped).successor === undefined) {
        scene.uses++;
        scene.usedAt = scene.time;
        scene.stamp = Math.max(scene.stamp, clock);
        replica.holds = envelopes.touched(stamped, clock);
        scene.sent |= 1 << replica.holds;
        this.#put(put, Kind.use, index);
        again();
      }
    }
    if (verdict !== "alive" && !envelopes.isEnded(held)) {
      const broken = verdict === "idle" ? this.#tooEarly() : undefined;
      if (this.#rules.tellsForGood) this.#end(replica, index, verdict === "idle" ? "expired" : "rotated");
      else replica.knew = true;
      this.#put(put, verdict === "idle" ? Kind.tellIdle : Kind.tellOver, index, 0, broken);
      again();
    }
    if (hasEnd && !scene.wasEnded && verdict === "alive") {
      scene.wasEnded = true;
      this.#end(replica, index, "destroyed");
      this.#put(put, Kind.logout, index);
      again();
    }
    if (grace > 0 && !scene.wasRotated && verdict === "alive") {
      scene.wasRotated = true;
      const successor = { key: NEXT_KEY, atMs: (clock + grace) * TICK_MS };
      this.#hold(replica, index, envelopes.idOf({ ...envelopes.at(held), successor }));
      scene.sent |= 1 << replica.holds;
      this.#put(put, Kind.rotate, index);
      again();
    }
  }

  /** A request for a session that only the own disk has, from an earlier process: the relays that can be reached are asked. */
  #load(index: number, replica: Replica, again: () => void, put: Put): void {
    const { relayCount, nodeCount, idleTimeout } = this.#world;
    const envelopes = this.#envelopes;
    const scene = this.#scene;
    const clock = scene.clock(replica);
    const question = { bornAtMs: 0, nowMs: clock * TICK_MS, clockErrorMs: TICK_MS, forgetLossAfterMs: idleTimeout * TICK_MS };
    for (let reached = 0; reached < 1 << relayCount; reached++) {
      let record = replica.store;
      let isKnownOver = false;
      for (let relay = 0; relay < relayCount; relay++) {
        const { holds, knew } = scene.replicas[nodeCount + relay] as Replica;
        isKnownOver ||= knew;
        if ((reached & (1 << relay)) !== 0 && holds !== NONE) record = envelopes.join(record, envelopes.received(holds, clock));
        const answer = (reached & (1 << relay)) === 0 ? "none" : holds === NONE ? "absent" : "found";
        this.#answers[relay] = { answer, status: answer === "none" ? undefined : this.#status };
      }
      const isServed = envelopes.isEnded(record) || this.#rules.confirms(this.#answers, question);
      if (!isServed) continue;
      // During its grace a rotated session is one that goes on.
      const isAlive = envelopes.verdict(record, clock) === "alive" && envelopes.at(record).successor === undefined;
      this.#hold(replica, index, record);
      this.#put(
        put,
        Kind.load,
        index,
        reached,
        isAlive && isKnownOver ? "[R16] a session from an own old disk is served, and a relay knew that it is over" : undefined,
      );
      again();
    }
  }

  #disk(index: number, replica: Replica, again: () => void, put: Put): void {
    const { hasRestart, hasOldCopy } = this.#world;
    const scene = this.#scene;
    if (hasRestart && replica.holds !== NONE) {
      replica.holds = NONE;
      this.#put(put, Kind.restart, index);
      again();
    }
    if (hasOldCopy && !scene.wasRestored) {
      scene.wasRestored = true;
      replica.holds = NONE;
      replica.store = this.#bornId;
      replica.lag = 0;
      // What it knew is gone with its disk: it is a machine like any other that never heard of the end.
      replica.knew = false;
      this.#put(put, Kind.restoreOldCopy, index);
      again();
    }
    if (hasRestart && replica.store !== NONE) {
      const saved = this.#stored(replica.store, this.#bornId);
      if (saved === replica.store) return;
      replica.store = saved;
      this.#put(put, Kind.lateSave, index);
      again();
    }
  }

  /** A replica holds this from now on. */
  #hold(replica: Replica, index: number, id: number): void {
    const isEnded = this.#envelopes.isEnded(id);
    replica.holds = id;
    this.#learn(replica);
    if (index < this.#world.nodeCount && (!isEnded || this.#rules.storesEnds)) replica.store = this.#stored(replica.store, id);
  }

  /** From here on it knows that the session is over: by an end, or because the grace of a rotation ran out. Not by age, nor because it is idle. */
  #learn(replica: Replica): void {
    const clock = this.#scene.clock(replica);
    if (replica.holds === NONE || replica.knew) return;
    const isOver = clock < this.#world.deadline && this.#envelopes.verdict(replica.holds, clock) === "ended";
    if (isOver || this.#envelopes.isEnded(replica.holds)) replica.knew = true;
  }

  #stored(before: number, id: number): number {
    return this.#rules.storeMerges ? this.#envelopes.join(before, id) : id;
  }

  #end(replica: Replica, index: number, reason: EndReason): void {
    this.#hold(replica, index, this.#envelopes.ended(replica.holds, reason));
    this.#scene.sent |= 1 << replica.holds;
  }

  #stamped(id: number, stamp: number, clock: number): number {
    const envelope = this.#envelopes.at(id);
    if (envelope.ended !== undefined || stamp - clock > 1 || stamp * TICK_MS <= envelope.touchedAtMs) return id;
    return this.#envelopes.touched(id, stamp);
  }

  #tooEarly(): string | undefined {
    const { time, usedAt } = this.#scene;
    return time - usedAt < this.#world.idleTimeout - this.#skew
      ? "[E9] a session expires while it is in use, by more than the clocks are apart"
      : undefined;
  }

  /** Everybody exchanges all that they hold, and nobody writes: all agree, and what ended is over. */
  #checkHealed(): string | undefined {
    const envelopes = this.#envelopes;
    const scene = this.#looked;
    let knew = false;
    for (const { holds } of scene.replicas) knew ||= envelopes.isEnded(holds);
    for (let round = 0; round < 2; round++) {
      for (const from of scene.replicas) {
        if (from.holds === NONE) continue;
        for (const to of scene.replicas) {
          if (to === from) continue;
          const clock = scene.clock(to);
          const came = envelopes.received(from.holds, clock);
          if (to.holds === NONE && envelopes.isOver(came, clock)) continue;
          to.holds = envelopes.join(to.holds, came);
        }
      }
    }
    let first = NONE;
    for (const { holds } of scene.replicas) {
      if (holds === NONE) continue;
      if (first === NONE) first = holds;
      // Clocks that differ by more than ε refuse each other's touches.
      if (holds !== first && this.#isAgreeing) return "[E9] nodes that have exchanged everything do not agree";
      if (knew && !envelopes.isEnded(holds)) return "[E2] an end that somebody has does not win when everything is exchanged";
    }
    return undefined;
  }

  #put(put: Put, kind: number, index: number, detail = 0, broken?: string): void {
    writeScene(this.#scene, this.#next);
    put(this.#next, (kind << 16) | (index << 8) | detail, broken);
  }

  #name(index: number): string {
    const { nodeCount } = this.#world;
    return index < nodeCount ? `node ${String.fromCharCode(65 + index)}` : `relay ${index - nodeCount + 1}`;
  }

  #names(): string {
    return this.#looked.replicas.map((_, index) => this.#name(index)).join(", ");
  }

  #say(id: number, clock: number | undefined): string {
    if (id === NONE) return "nothing";
    const { ended, successor, touchedAtMs } = this.#envelopes.at(id);
    if (ended !== undefined) return `the end (${ended.reason})`;
    const follows = successor === undefined ? "" : `, rotated from ${successor.atMs / TICK_MS} on`;
    const now = clock === undefined ? "" : `, which reads ${this.#envelopes.verdict(id, clock)}`;
    return `the session (used at ${touchedAtMs / TICK_MS}${follows})${now}`;
  }
}

function relaysIn(reached: number, relayCount: number): string {
  const names = Array.from({ length: relayCount }, (_, relay) => relay).filter((relay) => (reached & (1 << relay)) !== 0);
  return names.length === 0 ? "nobody" : names.map((relay) => `relay ${relay + 1}`).join(" and ");
}

/** By insertion: there are four at most. */
function sort(words: Int32Array, from: number, count: number): void {
  for (let at = from + 1; at < from + count; at++) {
    const word = words[at] as number;
    let to = at;
    for (; to > from && (words[to - 1] as number) > word; to--) words[to] = words[to - 1] as number;
    words[to] = word;
  }
}
