import { endEnvelope, type Envelope } from "../../src/engine/envelope.ts";
import { everyChoice } from "./every-choice.ts";
import type { Verdict } from "../../src/engine/verdict.ts";
import type { Model, Put } from "./explorer.ts";
import { EPSILON_MS, type RevocationWorld } from "./revocation-worlds.ts";
import { type Rules, SUBJECT } from "./rules.ts";

const Kind = { begin: 0, tick: 1, login: 2, revoke: 3, hearRegister: 4, hearSession: 5, tellOver: 6, restart: 7 } as const;

/** Instants are small numbers. */
const BITS = 6;
const MASK = 63;
const RAISED_BITS = BITS + 2;
const NAMES = "ABCD";
/** Longer than any of these worlds lasts. */
const NEVER_MS = 1_000_000;

/** What a node holds of a session: nothing, its end, or since when it is its subject's (`ALIVE` and the instant). */
const NONE = 0;
const ENDED = 1;
const ALIVE = 2;

interface Session {
  /** What its first node sent; 0: it was not begun. */
  given: number;
  /** What went out when a revocation spared it. */
  kept: number;
  /** What its first node knew to be revoked. */
  after: number;
  isEndSent: boolean;
  /** By a clock that is wrong. */
  isByWrongClock: boolean;
  /** True time at which it was given to its subject. */
  givenAt: number;
  /** The register of the revocation that it must not outlive; 0: none. */
  meantBy: number;
  /** It was given after every revocation there is. */
  isSafe: boolean;
}

interface Raised {
  readonly notBefore: number;
  /** The session that it spared; -1: none. */
  readonly kept: number;
}

interface Node {
  offset: number;
  register: number;
  readonly holds: number[];
  /** It once knew of the revocation that a session must not outlive. */
  readonly knew: boolean[];
}

/**
 * The sessions of one subject, and "log out everywhere": registers that only grow, on nodes that hear of them and of the sessions in any
 * order, any number of times, or never. A session that was given to the subject before a revocation, by more than the clocks differ, or that
 * was known to whoever revoked, is over wherever the revocation is known; one that was given after it lives on.
 */
export class RevocationModel implements Model {
  readonly wordCount: number;
  readonly #world: RevocationWorld;
  readonly #rules: Rules;
  readonly #next: Int32Array;
  readonly #joined: number[] = [];
  readonly #received = new Map<number, number>();
  readonly #verdicts: Verdict[] = [];
  readonly #firstNode: number;
  #time = 0;
  readonly #raised: Raised[] = [];
  readonly #sessions: Session[];
  readonly #nodes: Node[];

  constructor(world: RevocationWorld, rules: Rules) {
    this.#world = world;
    this.#rules = rules;
    const { nodeCount, logins } = world;
    this.#firstNode = 1 + logins;
    this.wordCount = this.#firstNode + nodeCount;
    this.#next = new Int32Array(this.wordCount);
    this.#sessions = Array.from({ length: logins }, () => newSession());
    const nothing = (): Node => ({
      offset: 0,
      register: 0,
      holds: Array<number>(logins).fill(NONE),
      knew: Array<boolean>(logins).fill(false),
    });
    this.#nodes = Array.from({ length: nodeCount }, nothing);
  }

  begin(put: Put): void {
    for (const offsets of everyChoice(this.#world.offsets)) {
      this.#read(new Int32Array(this.wordCount));
      for (const [index, node] of this.#nodes.entries()) node.offset = offsets[index] ?? 0;
      this.#put(put, Kind.begin, 0);
    }
  }

  step(state: Int32Array, put: Put): void {
    const again = (): void => this.#read(state);
    again();
    const { horizon, nodeCount, revocations, hasRestart } = this.#world;
    if (this.#time < horizon) {
      this.#time++;
      this.#put(put, Kind.tick, 0);
      again();
    }
    const begun = this.#sessions.findIndex(({ given }) => given === 0);
    for (let index = 0; index < nodeCount; index++) {
      if (begun >= 0) this.#login(index, begun, again, put);
      if (this.#raised.length < revocations) {
        this.#revoke(index, -1, again, put);
        for (const [kept, { given }] of this.#sessions.entries()) if (given > 0) this.#revoke(index, kept, again, put);
      }
      if (this.#rules.sendsRegisters) {
        for (const at of this.#raised.keys()) {
          this.#hearRegister(this.#node(index), at);
          this.#put(put, Kind.hearRegister, index, this.#raised[at]?.notBefore);
          again();
        }
      }
      for (const which of this.#sessions.keys()) this.#hear(index, which, again, put);
      if (!hasRestart) continue;
      if (!this.#rules.storesRegisters) this.#node(index).register = 0;
      this.#put(put, Kind.restart, index);
      again();
    }
  }

  /** Nodes whose clocks may be off by the same differ in nothing but what happened to them. */
  canonical(state: Int32Array): void {
    const { offsets } = this.#world;
    for (let from = 0; from < offsets.length; from++) {
      for (let to = from + 1; to < offsets.length; to++) {
        const [first, second] = [state[this.#firstNode + from] as number, state[this.#firstNode + to] as number];
        if (offsets[from] !== offsets[to] || first <= second) continue;
        state[this.#firstNode + from] = second;
        state[this.#firstNode + to] = first;
      }
    }
  }

  check(state: Int32Array): string | undefined {
    this.#read(state);
    for (const [which, session] of this.#sessions.entries()) {
      for (const node of this.#nodes) {
        const now = this.#verdict(node, which);
        if (node.knew[which] === true && now === "alive")
          return "[E11] a node that knew of a revocation reads a session alive that it ended";
        if (session.isSafe && now === "ended") return "[E18] a session that was given to its subject after the revocation is over";
      }
    }
    return this.#checkHealed();
  }

  tell(_before: Int32Array, step: number, after: Int32Array): string {
    this.#read(after);
    const [kind, index, detail] = [step >> 16, (step >> 8) & 0xff, step & 0xff];
    const name = `node ${NAMES[index] ?? "?"}`;
    const which = detail & 3;
    const node = this.#node(index);
    const holds = sayHeld(node.holds[which] ?? NONE);
    const session = `session ${which + 1}`;
    const reads = `it holds ${holds}, which reads ${this.#verdict(node, which)}`;
    const spared = which === 3 ? "" : `, but ${session}`;
    const said: Record<number, string> = {
      [Kind.begin]: `the clocks of the nodes are ahead by ${this.#nodes.map(({ offset }) => offset).join(", ")}; a tick, and ε, is ${EPSILON_MS} ms`,
      [Kind.tick]: "time goes on",
      [Kind.login]: `the subject logs in on ${name}: ${session} (${holds})`,
      [Kind.revoke]: `${name} revokes all sessions of the subject${spared}, given until ${node.register}`,
      [Kind.hearRegister]: `${name} hears that what was given until ${detail} is revoked; it goes by ${node.register}`,
      [Kind.hearSession]: `${name} receives ${session}: ${reads}`,
      [Kind.tellOver]: `a request on ${name} is told that ${session} is over`,
      [Kind.restart]: `${name} stops and starts again, and goes by ${node.register}`,
    };
    return `${String(this.#time).padStart(2)}  ${said[kind] ?? "?"}`;
  }

  #login(index: number, which: number, again: () => void, put: Put): void {
    const node = this.#node(index);
    const session = this.#session(which);
    const given = this.#rules.givenAtMs(node.register === 0 ? undefined : node.register, this.#clock(node));
    node.holds[which] = ALIVE + given;
    session.given = given;
    session.givenAt = this.#time;
    session.after = node.register;
    session.isByWrongClock = node.offset >= EPSILON_MS;
    session.isSafe = this.#knowsAll(node) && !session.isByWrongClock;
    this.#put(put, Kind.login, index, which);
    again();
  }

  /** `kept` is spared; -1: none is. */
  #revoke(index: number, kept: number, again: () => void, put: Put): void {
    const node = this.#node(index);
    if (kept >= 0 && this.#verdict(node, kept) !== "alive") return;
    const known = node.holds.flatMap((held, which) => (which !== kept && held >= ALIVE ? [held - ALIVE] : []));
    const atMs = this.#rules.givenAtMs(node.register === 0 ? undefined : node.register, this.#clock(node));
    const notBefore = this.#rules.notBeforeMs(atMs, known);
    const isLast = this.#knowsAll(node);
    this.#raised.push({ notBefore, kept });
    node.register = this.#rules.raised(node.register, notBefore);
    for (const [which, session] of this.#sessions.entries()) {
      if (session.given === 0) continue;
      if (which === kept) {
        const held = this.#rules.keptAtMs((node.holds[which] ?? NONE) - ALIVE, notBefore);
        node.holds[which] = ALIVE + held;
        session.kept = held;
        session.givenAt = this.#time;
        session.meantBy = 0;
        // By a clock that is ahead, it is given at a time that others do not believe before they hear of the revocation.
        session.isSafe = isLast && !session.isByWrongClock && node.offset < EPSILON_MS;
        for (const each of this.#nodes) each.knew[which] = false;
        continue;
      }
      const isKnown = (node.holds[which] ?? NONE) >= ALIVE;
      session.isSafe = false;
      // One that another revocation spares at the same time may live on by the registers, but for the end that is written where it is known.
      const isBefore = (isKnown || this.#time > session.givenAt + 1) && session.kept <= notBefore;
      if (isBefore && !session.isByWrongClock) session.meantBy = Math.max(session.meantBy, notBefore);
      if (!isKnown) continue;
      node.holds[which] = ENDED;
      session.isEndSent = true;
    }
    this.#put(put, Kind.revoke, index, kept < 0 ? 3 : kept);
    again();
  }

  #hearRegister(node: Node, at: number): void {
    if (this.#rules.sendsInOrder) this.#hearKept(node, at);
    node.register = this.#rules.raised(node.register, (this.#raised[at] as Raised).notBefore);
  }

  /** What a process sends comes in its order: the session that it spares before what it revokes. Of interest where that is held. */
  #hearKept(node: Node, at: number): void {
    const { kept } = this.#raised[at] as Raised;
    if (kept >= 0 && node.holds[kept] !== NONE) node.holds[kept] = this.#taken(node, kept, ALIVE + this.#session(kept).kept);
  }

  #hasHeard({ register }: Node, at: number): boolean {
    return this.#rules.sendsInOrder && this.#rules.sendsRegisters && register >= (this.#raised[at] as Raised).notBefore;
  }

  /** What a process sends comes in its order: what was revoked before a session was given out comes before that. */
  #hearFirst(node: Node, { after }: Session): void {
    const isHeard = this.#rules.sendsRegisters && this.#rules.sendsInOrder;
    for (const [at, { notBefore }] of this.#raised.entries()) if (isHeard && notBefore <= after) this.#hearRegister(node, at);
  }

  #knowsAll({ register }: Node): boolean {
    return this.#raised.every(({ notBefore }) => register >= notBefore);
  }

  /** Some copy of a session comes: as it was sent once, or as any node holds it now. */
  #hear(index: number, which: number, again: () => void, put: Put): void {
    const { given, kept, isEndSent } = this.#session(which);
    const came = new Set<number>(this.#nodes.map(({ holds }) => holds[which] ?? NONE));
    if (given > 0) came.add(ALIVE + given);
    if (kept > 0) came.add(ALIVE + kept);
    if (isEndSent) came.add(ENDED);
    for (const copy of came) {
      const node = this.#node(index);
      if (copy === NONE || copy === node.holds[which]) continue;
      this.#hearFirst(node, this.#session(which));
      node.holds[which] = this.#taken(node, which, copy);
      for (const at of this.#raised.keys()) if (this.#hasHeard(node, at)) this.#hearKept(node, at);
      this.#put(put, Kind.hearSession, index, which);
      again();
    }
    const node = this.#node(index);
    if ((node.holds[which] ?? NONE) < ALIVE || this.#verdict(node, which) !== "ended") return;
    node.holds[which] = ENDED;
    this.#session(which).isEndSent = true;
    this.#put(put, Kind.tellOver, index, which);
    again();
  }

  /** What a node holds of a session when this copy of it came. */
  #taken(node: Node, which: number, copy: number): number {
    const held = node.holds[which] ?? NONE;
    if (copy === NONE) return held;
    const clock = this.#clock(node);
    const at = ((node.register * 64 + clock) * 64 + copy) * 64 + this.#session(which).given;
    let came = this.#received.get(at);
    if (came === undefined) {
      came = codeOf(this.#rules.received(this.#envelope(which, copy), clock, EPSILON_MS, node.register));
      this.#received.set(at, came);
    }
    if (held === NONE) return came;
    return (this.#joined[held * 64 + came] ??= codeOf(this.#rules.join(this.#envelope(which, held), this.#envelope(which, came))));
  }

  #verdict(node: Node, which: number): Verdict | undefined {
    const held = node.holds[which] ?? NONE;
    if (held === NONE) return undefined;
    const revocations = new Map(node.register === 0 ? [] : [[SUBJECT, node.register] as const]);
    return (this.#verdicts[held * 64 + node.register] ??= this.#rules.verdict(this.#envelope(which, held), 0, revocations));
  }

  #envelope(which: number, held: number): Envelope {
    const key = "AAAAAAAAAAAAAAAAAAAAAA";
    if (held === ENDED) return endEnvelope({ key, deadlineMs: NEVER_MS }, { reason: "revoked", atMs: 0 });
    const createdAtMs = this.#session(which).given;
    return {
      key,
      createdAtMs,
      firstKey: key,
      firstCreatedAtMs: createdAtMs,
      deadlineMs: NEVER_MS,
      idleTimeoutMs: NEVER_MS,
      idleTimeoutStamp: 0,
      touchedAtMs: 0,
      subject: SUBJECT,
      subjectAtMs: held - ALIVE,
      successor: undefined,
      ended: undefined,
    };
  }

  /** Everybody exchanges registers and sessions: no session is alive that a revocation ended, and those that it did not are. */
  #checkHealed(): string | undefined {
    if (this.#rules.sendsRegisters) {
      const highest = Math.max(...this.#nodes.map(({ register }) => register));
      for (const node of this.#nodes) node.register = this.#rules.raised(node.register, highest);
    }
    for (const [which, session] of this.#sessions.entries()) {
      for (let round = 0; round < 2; round++) {
        for (const from of this.#nodes) for (const to of this.#nodes) to.holds[which] = this.#taken(to, which, from.holds[which] ?? NONE);
      }
      for (const node of this.#nodes) {
        const now = this.#verdict(node, which);
        if (now !== "alive" && session.isSafe) return "[E18] a session that was given to its subject after the revocation is over for all";
        const isKnown = node.register >= session.meantBy || !this.#rules.sendsRegisters;
        if (now === "alive" && session.meantBy > 0 && isKnown)
          return "[E15] a session outlives the revocation that it was given before, when everything is exchanged";
      }
    }
    return undefined;
  }

  #clock({ offset }: Node): number {
    // An instant is never 0, which stands for none.
    return (this.#time + 1) * EPSILON_MS + offset;
  }

  #node(index: number): Node {
    return this.#nodes[index] as Node;
  }

  #session(which: number): Session {
    return this.#sessions[which] as Session;
  }

  #put(put: Put, kind: number, index: number, detail = 0): void {
    for (const node of this.#nodes) {
      for (const [which, { meantBy }] of this.#sessions.entries()) node.knew[which] ||= meantBy > 0 && node.register >= meantBy;
    }
    this.#write(this.#next);
    put(this.#next, (kind << 16) | (index << 8) | detail);
  }

  #write(state: Int32Array): void {
    const [first, second] = this.#raised;
    state[0] = this.#time | (wordOf(first) << 4) | (wordOf(second) << (4 + RAISED_BITS));
    for (const [which, session] of this.#sessions.entries()) {
      const { given, kept, after, isEndSent, isByWrongClock, givenAt, meantBy, isSafe } = session;
      const flags = Number(isEndSent) | (Number(isSafe) << 1) | (Number(isByWrongClock) << 2);
      state[1 + which] =
        flags | (givenAt << 3) | (given << 6) | (kept << (6 + BITS)) | (meantBy << (6 + 2 * BITS)) | (after << (6 + 3 * BITS));
    }
    for (const [index, { offset, register, holds, knew }] of this.#nodes.entries()) {
      let word = offset | (register << 4);
      for (const [which, held] of holds.entries()) word |= (held | (Number(knew[which]) << BITS)) << (4 + BITS + which * (BITS + 1));
      state[this.#firstNode + index] = word;
    }
  }

  #read(state: Int32Array): void {
    const word = state[0] as number;
    this.#time = word & 15;
    this.#raised.length = 0;
    for (const from of [4, 4 + RAISED_BITS]) {
      const notBefore = (word >> from) & MASK;
      if (notBefore > 0) this.#raised.push({ notBefore, kept: ((word >> (from + BITS)) & 3) - 1 });
    }
    for (const [which, session] of this.#sessions.entries()) {
      const said = state[1 + which] as number;
      session.isEndSent = (said & 1) !== 0;
      session.isSafe = (said & 2) !== 0;
      session.isByWrongClock = (said & 4) !== 0;
      session.givenAt = (said >> 3) & 7;
      session.after = (said >> (6 + 3 * BITS)) & MASK;
      session.given = (said >> 6) & MASK;
      session.kept = (said >> (6 + BITS)) & MASK;
      session.meantBy = (said >> (6 + 2 * BITS)) & MASK;
    }
    for (const [index, node] of this.#nodes.entries()) {
      const said = state[this.#firstNode + index] as number;
      node.offset = said & 15;
      node.register = (said >> 4) & MASK;
      for (const which of this.#sessions.keys()) {
        const held = said >> (4 + BITS + which * (BITS + 1));
        node.holds[which] = held & MASK;
        node.knew[which] = (held & (MASK + 1)) !== 0;
      }
    }
  }
}

function newSession(): Session {
  return { given: 0, kept: 0, after: 0, isEndSent: false, isByWrongClock: false, givenAt: 0, meantBy: 0, isSafe: false };
}

function wordOf(raised: Raised | undefined): number {
  return raised === undefined ? 0 : raised.notBefore | ((raised.kept + 1) << BITS);
}

function codeOf({ ended, subjectAtMs }: Envelope): number {
  return ended === undefined ? ALIVE + subjectAtMs : ENDED;
}

function sayHeld(held: number): string {
  if (held === NONE) return "nothing";
  return held === ENDED ? "its end" : `given at ${held - ALIVE}`;
}
