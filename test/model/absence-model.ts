import type { HolderAnswer } from "../../src/sync/completeness.ts";
import { TICK_MS } from "./envelopes.ts";
import type { Model, Put } from "./explorer.ts";
import { Memberships } from "./memberships.ts";
import type { Rules } from "./rules.ts";

const Kind = { begin: 0, tick: 1, create: 2, dial: 3, equal: 4, deliver: 5, ping: 6, cut: 7, notice: 8, lose: 9 } as const;

/** Of the connection between the relays. */
const Line = { down: 0, up: 1, cut: 2 } as const;

/** What may happen between two relays. Times in ticks. */
export interface AbsenceWorld {
  readonly name: string;
  readonly about: string;
  /** The line may be cut, and a relay may lose all it has: one of the two, or both. */
  readonly hasBothFaults: boolean;
  readonly epsilon: number;
  /** Of the clock of the node on which the session is born: less than ε, since what happens within one tick has no order. */
  readonly offsets: readonly number[];
  /** As far as time goes on. */
  readonly horizon: number;
}

export const ABSENCE_WORLDS: readonly AbsenceWorld[] = [
  {
    name: "absence",
    about: "two relays, a cut that nobody notices or a relay that loses all, clocks that are off: who may say that there is none",
    hasBothFaults: false,
    epsilon: 2,
    offsets: [-1, 0, 1],
    horizon: 3,
  },
  {
    name: "absence-twice",
    about: "two relays, a cut that nobody notices and a relay that loses all, in any order: who may say that there is none",
    hasBothFaults: true,
    epsilon: 1,
    offsets: [0],
    horizon: 2,
  },
];

const WORD_COUNT = 4;
const NAMES = ["relay 1", "relay 2"];

/**
 * Two relays that tell each other what they hear, and "there is none" of one of them or both. A session is made on one node, which tells those
 * relays that it is connected to; any other node may ask any of them at any time. The line between them may be cut without a word, and is
 * noticed by either side sometime; or a relay loses all it has; or both. What they may say is decided by the shipped `Membership` and
 * `absenceCounts`.
 */
export class AbsenceModel implements Model {
  readonly wordCount = WORD_COUNT;
  readonly #world: AbsenceWorld;
  readonly #rules: Rules;
  readonly #memberships: Memberships;
  readonly #next = new Int32Array(WORD_COUNT);
  readonly #answers: HolderAnswer[] = [];

  constructor(world: AbsenceWorld, rules: Rules) {
    this.#world = world;
    this.#rules = rules;
    this.#memberships = new Memberships(rules.replacedAtMs);
  }

  begin(put: Put): void {
    const number = this.#memberships.started(0);
    this.#put(put, { ...START, relays: [relayWith(number), relayWith(number)] }, Kind.begin);
  }

  step(state: Int32Array, put: Put): void {
    const scene = read(state);
    const { time, line, relays } = scene;
    const mayFail = this.#world.hasBothFaults || !(scene.wasCut || scene.wasLost);
    if (time < this.#world.horizon) this.#put(put, { ...scene, time: time + 1 }, Kind.tick);
    if (scene.bornAt === undefined) this.#create(scene, put);
    const isQuiet = relays.every(({ isLinked }) => !isLinked);
    if (line === Line.down && isQuiet) {
      const after = both(relays, (relay, other) => ({
        ...relay,
        isLinked: true,
        heardUntil: 0,
        membership: this.#memberships.told(relay.membership, { what: "joined", incarnation: other.incarnation, at: time }),
      }));
      this.#put(put, this.#exchanged({ ...scene, line: Line.up, relays: after }), Kind.dial);
    }
    if (line === Line.up) {
      for (const first of [0, 1]) this.#compare(scene, first, put);
      for (const to of [0, 1]) {
        const from = 1 - to;
        if (relays[from]?.isTelling === true) this.#put(put, delivered(scene, to), Kind.deliver, to);
        const heard = delivered(scene, to);
        this.#put(put, withRelay(heard, to, { heardUntil: time }), Kind.ping, to);
      }
      if (mayFail && !scene.wasCut) this.#put(put, { ...silent(scene), wasCut: true }, Kind.cut);
    }
    for (const index of [0, 1]) {
      const relay = relays[index] as Relay;
      const other = relays[1 - index] as Relay;
      if (line === Line.cut && relay.isLinked) {
        const incarnation = relay.linkedTo;
        const membership = this.#memberships.told(relay.membership, { what: "left", incarnation, at: time });
        const after = withRelay(scene, index, { isLinked: false, membership });
        this.#put(put, { ...after, line: other.isLinked ? Line.cut : Line.down }, Kind.notice, index);
      }
      if (mayFail && !scene.wasLost) {
        const isCut = line !== Line.down;
        const fresh = { ...relayWith(this.#memberships.started(time)), incarnation: relay.incarnation + 1 };
        const after = withRelay(silent(scene), index, fresh);
        this.#put(put, { ...after, wasLost: true, line: isCut && other.isLinked ? Line.cut : Line.down }, Kind.lose, index);
      }
    }
  }

  canonical(): void {}

  /** Somebody asks, whoever can be reached. */
  check(state: Int32Array): string | undefined {
    const { time, bornAt, bornSaid, relays } = read(state);
    if (bornAt === undefined) return undefined;
    const question = {
      bornAtMs: bornSaid * TICK_MS,
      nowMs: time * TICK_MS,
      clockErrorMs: this.#world.epsilon * TICK_MS,
      forgetLossAfterMs: 1_000_000 * TICK_MS,
    };
    for (let reached = 1; reached < 4; reached++) {
      for (const index of [0, 1]) {
        const { has, membership, heardUntil, linkedTo } = relays[index] as Relay;
        const isReached = (reached & (1 << index)) !== 0;
        const isMember = this.#memberships.isMember(membership, linkedTo);
        this.#answers[index] = {
          answer: isReached ? (has ? "found" : "absent") : "none",
          status: isReached ? this.#memberships.status(membership, time) : undefined,
          heardUntilMs: isMember ? heardUntil * TICK_MS : undefined,
        };
      }
      const isFound = this.#answers.some(({ answer }) => answer === "found");
      if (!isFound && this.#rules.isAbsent(this.#answers, question)) {
        const names = NAMES.filter((_, index) => (reached & (1 << index)) !== 0).join(" and ");
        return `[R4] a request is told that there is no session, by the word of ${names}, while it lives`;
      }
    }
    return undefined;
  }

  tell(_before: Int32Array, step: number, after: Int32Array): string {
    const { time, bornSaid, relays } = read(after);
    const [kind, index] = [step >> 8, step & 0xff];
    const name = NAMES[index] ?? "?";
    const having = NAMES.filter((_, each) => relays[each]?.has).join(" and ");
    const said: Record<number, string> = {
      [Kind.begin]: "two relays start, and wait for each other",
      [Kind.tick]: "time goes on",
      [Kind.create]: `a session is made (born at ${bornSaid}, says its id), and told to ${having}`,
      [Kind.dial]: "the relays are connected",
      [Kind.equal]: `the relays hold the same; ${name} finds that first`,
      [Kind.deliver]: `${name} receives what the other was told`,
      [Kind.ping]: `${name} hears that it has all that the other was told`,
      [Kind.cut]: "the line between the relays is cut, and nobody notices",
      [Kind.notice]: `${name} notices that the other is away`,
      [Kind.lose]: `${name} loses all it has, and starts again`,
    };
    return `${String(time).padStart(2)}  ${said[kind] ?? "?"}`;
  }

  #create(scene: AbsenceScene, put: Put): void {
    const { time, relays, line } = scene;
    for (let told = 1; told < 4; told++) {
      const after = both(relays, (relay, _other, index) => {
        const has = (told & (1 << index)) !== 0;
        return { ...relay, has, isTelling: has && line === Line.up };
      });
      for (const offset of this.#world.offsets) {
        const bornSaid = Math.max(0, time + offset);
        this.#put(put, { ...scene, relays: after, bornAt: time, bornSaid }, Kind.create);
      }
    }
  }

  #compare(scene: AbsenceScene, first: number, put: Put): void {
    const has = scene.relays.some((relay) => relay.has);
    let after: AbsenceScene = { ...scene, relays: both(scene.relays, (relay) => ({ ...relay, has, isTelling: false })) };
    for (const index of [first, 1 - first]) {
      const relay = after.relays[index] as Relay;
      if (this.#memberships.isMember(relay.membership, relay.linkedTo)) return;
      const membership = this.#memberships.told(relay.membership, { what: "equal", incarnation: relay.linkedTo });
      after = this.#exchanged(withRelay(after, index, { membership }));
    }
    this.#put(put, after, Kind.equal, first);
  }

  /** Each hears what the word of the other is worth now. */
  #exchanged(scene: AbsenceScene): AbsenceScene {
    const linked = both(scene.relays, (relay, other) => ({ ...relay, linkedTo: other.incarnation }));
    const statuses = linked.map(({ membership, linkedTo }) => this.#memberships.status(membership, scene.time, linkedTo));
    const relays = both(linked, (relay, other, index) => {
      const status = statuses[1 - index];
      if (status === undefined) return relay;
      return { ...relay, membership: this.#memberships.told(relay.membership, { what: "told", incarnation: other.incarnation, status }) };
    });
    return { ...scene, relays };
  }

  #put(put: Put, scene: AbsenceScene, kind: number, index = 0): void {
    write(scene, this.#next);
    put(this.#next, (kind << 8) | index);
  }
}

interface Relay {
  /** It holds the session. */
  readonly has: boolean;
  /** What it was told is on its way to the other. */
  readonly isTelling: boolean;
  /** As far as it knows. */
  readonly isLinked: boolean;
  readonly incarnation: number;
  /** The incarnation of the other that it was connected to last. */
  readonly linkedTo: number;
  readonly heardUntil: number;
  readonly membership: number;
}

interface AbsenceScene {
  readonly time: number;
  /** Undefined: there is no session yet. */
  readonly bornAt: number | undefined;
  /** By the clock of its node, as its id says. */
  readonly bornSaid: number;
  readonly line: number;
  readonly wasCut: boolean;
  readonly wasLost: boolean;
  readonly relays: readonly [Relay, Relay];
}

const START = { time: 0, bornAt: undefined, bornSaid: 0, line: Line.down, wasCut: false, wasLost: false };

function relayWith(membership: number): Relay {
  return { has: false, isTelling: false, isLinked: false, incarnation: 0, linkedTo: 0, heardUntil: 0, membership };
}

function both(relays: readonly [Relay, Relay], change: (relay: Relay, other: Relay, index: number) => Relay): readonly [Relay, Relay] {
  return [change(relays[0], relays[1], 0), change(relays[1], relays[0], 1)];
}

function withRelay(scene: AbsenceScene, index: number, changed: Partial<Relay>): AbsenceScene {
  return { ...scene, relays: both(scene.relays, (relay, _other, at) => (at === index ? { ...relay, ...changed } : relay)) };
}

function delivered(scene: AbsenceScene, to: number): AbsenceScene {
  const relays = both(scene.relays, (relay, other, index) => {
    if (index === to) return { ...relay, has: relay.has || other.isTelling };
    return { ...relay, isTelling: false };
  });
  return { ...scene, relays };
}

/** Nothing arrives any more; what was on its way is lost. */
function silent(scene: AbsenceScene): AbsenceScene {
  return { ...scene, line: Line.cut, relays: both(scene.relays, (relay) => ({ ...relay, isTelling: false })) };
}

function write({ time, bornAt, bornSaid, line, wasCut, wasLost, relays }: AbsenceScene, state: Int32Array): void {
  const flags = (Number(wasCut) << 17) | (Number(wasLost) << 18);
  const words = relays.map(
    ({ has, isTelling, isLinked, incarnation, linkedTo, heardUntil }) =>
      Number(has) | (Number(isTelling) << 1) | (Number(isLinked) << 2) | (incarnation << 3) | (linkedTo << 5) | (heardUntil << 7),
  );
  state.set([
    time | ((bornAt === undefined ? 0 : bornAt + 1) << 5) | (bornSaid << 10) | (line << 15) | flags,
    ((words[0] ?? 0) << 16) | (words[1] ?? 0),
    relays[0].membership,
    relays[1].membership,
  ]);
}

function read(state: Int32Array): AbsenceScene {
  const [word = 0, words = 0, first = 0, second = 0] = state;
  const born = (word >> 5) & 31;
  return {
    time: word & 31,
    bornAt: born === 0 ? undefined : born - 1,
    bornSaid: (word >> 10) & 31,
    line: (word >> 15) & 3,
    wasCut: (word & (1 << 17)) !== 0,
    wasLost: (word & (1 << 18)) !== 0,
    relays: [readRelay(words >>> 16, first), readRelay(words & 0xffff, second)],
  };
}

function readRelay(word: number, membership: number): Relay {
  return {
    has: (word & 1) !== 0,
    isTelling: (word & 2) !== 0,
    isLinked: (word & 4) !== 0,
    incarnation: (word >> 3) & 3,
    linkedTo: (word >> 5) & 3,
    heardUntil: (word >> 7) & 31,
    membership,
  };
}
