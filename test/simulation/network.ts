import type { Accept, Connection, ConnectionListener, Dial } from "../../src/sync/transport.ts";
import type { Dice } from "./dice.ts";
import type { Life, Machine } from "./machine.ts";
import type { Timeline } from "./timeline.ts";

/** How the way from one machine to another is: one direction. */
export interface Path {
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Bytes that pass in a millisecond. */
  readonly bytesPerMs: number;
  /** Nothing passes, and nobody is told: what is sent waits, as TCP sends it again. */
  readonly isCut: boolean;
  /** Nastier than any TCP: how often a message is lost, comes twice, or before the one that was sent before it. */
  readonly drop: number;
  readonly duplicate: number;
  readonly reorder: number;
}

export const FINE: Path = { delayMs: 1, jitterMs: 1, bytesPerMs: 100_000, isCut: false, drop: 0, duplicate: 0, reorder: 0 };

/** What the peer's machine says when nobody takes the connection, or its process is gone (RFC 6455 section 7.4.1). */
const ABNORMAL = 1006;
/** A peer that does not answer a close frame is cut off: as `websocket-transport.ts` does. */
const CLOSE_TIMEOUT_MS = 1_000;

export interface NetworkCounts {
  messages: number;
  bytes: number;
  connections: number;
  dropped: number;
  duplicated: number;
  reordered: number;
  /** Messages that were lost with their connection. */
  lost: number;
}

/** Who listens where, and every connection between two machines. Keeps laws TR1–TR4, but for drop, duplicate and reorder. */
export class Network {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly counts: NetworkCounts = { messages: 0, bytes: 0, connections: 0, dropped: 0, duplicated: 0, reordered: 0, lost: 0 };
  readonly #paths = new Map<string, Path>();
  readonly #listeners = new Map<string, { readonly life: Life; readonly accept: (connect: Accept) => void }>();
  readonly #machines = new Map<string, Machine>();
  readonly #ends = new Set<End>();

  constructor(timeline: Timeline, dice: Dice) {
    this.timeline = timeline;
    this.dice = dice.for("network");
  }

  /** The machine that an address belongs to, whether or not a process listens there. */
  place(address: string, machine: Machine): void {
    this.#machines.set(address, machine);
  }

  listen(address: string, life: Life, accept: (connect: Accept) => void): void {
    this.#listeners.set(address, { life, accept });
  }

  listenerOf(address: string): { readonly life: Life; readonly accept: (connect: Accept) => void } | undefined {
    const listener = this.#listeners.get(address);
    return listener?.life.isAlive === true ? listener : undefined;
  }

  dial(life: Life): Dial {
    return (address, listener) => {
      const machine = this.#machines.get(address);
      if (machine === undefined) throw new Error("nothing was ever placed at this address");
      this.counts.connections += 1;
      const end = new End(this, life, machine, listener);
      this.#ends.add(end);
      end.request(address);
      return end;
    };
  }

  path(from: Machine, to: Machine): Path {
    return this.#paths.get(`${from.name}>${to.name}`) ?? FINE;
  }

  /** Changes one direction. What waited at a cut goes on. */
  change(from: Machine, to: Machine, path: Partial<Path>): void {
    const changed = { ...this.path(from, to), ...path };
    const isFine = Object.entries(FINE).every(([name, value]) => changed[name as keyof Path] === value);
    this.#paths.set(`${from.name}>${to.name}`, isFine ? FINE : changed);
    for (const end of this.#ends) if (end.life.machine === from && end.remote === to) end.hurry();
  }

  /** Every way is fine again. */
  heal(): void {
    this.#paths.clear();
    for (const end of this.#ends) end.hurry();
  }

  /** Whatever stood still looks again whether it can go on: a cut ended, a machine goes on. */
  wake(): void {
    for (const end of this.#ends) end.wake();
  }

  /** The connections between two machines are lost, with what is on the way. Only those sides that `tell` names hear of it. */
  reset(left: Machine, right: Machine, tell: readonly Machine[]): number {
    let count = 0;
    for (const end of this.#ends) {
      const { other } = end;
      if (end.life.machine !== left || end.remote !== right) continue;
      count += 1;
      end.lose(tell.includes(left));
      other?.lose(tell.includes(right));
    }
    return count;
  }

  /**
   * A process is gone. `killed`: its machine lives, sends what was handed over, or not, and says that the connection is over. `vanished`:
   * silence, until its machine is back.
   */
  bury(life: Life, how: "killed" | "vanished"): void {
    for (const end of this.#ends) if (end.life === life) end.bury(how);
  }

  /** The machine is back: whoever still believes in a connection to a process of before hears that there is none. */
  returned(machine: Machine): void {
    for (const end of this.#ends) if (end.remote === machine && end.other?.life.isAlive === false) end.lose(true);
  }

  /** What waits on the longest queue. */
  get queuedBytesMax(): number {
    let most = 0;
    for (const { queuedBytes } of this.#ends) most = Math.max(most, queuedBytes);
    return most;
  }

  remember(end: End): void {
    this.#ends.add(end);
  }

  forget(end: End): void {
    this.#ends.delete(end);
  }
}

interface Item {
  readonly kind: "request" | "accepted" | "message" | "close" | "reset";
  dueMs: number;
  readonly bytes?: Uint8Array;
  readonly code?: number | undefined;
}

/** One side of a connection, and what is on its way from there to the other. */
class End implements Connection {
  readonly life: Life;
  readonly remote: Machine;
  other: End | undefined;
  readonly #network: Network;
  readonly #listener: ConnectionListener;
  #state: "dialing" | "open" | "closing" | "closed" = "dialing";
  #isPaused = false;
  /** The other side is gone, and nobody says so: nothing comes, and nothing is taken. */
  #isDead = false;
  #address = "";
  readonly #queue: Item[] = [];
  #queuedBytes = 0;
  #lastDueMs = 0;
  #stopMoving: (() => void) | undefined;
  #stopCloseTimer: () => void = () => undefined;

  constructor(network: Network, life: Life, remote: Machine, listener: ConnectionListener) {
    this.#network = network;
    this.life = life;
    this.remote = remote;
    this.#listener = listener;
  }

  get isOpen(): boolean {
    return this.#state === "open" && this.life.isAlive;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  send(bytes: Uint8Array): void {
    if (!this.isOpen || !this.life.act()) return;
    const { counts, dice } = this.#network;
    counts.messages += 1;
    counts.bytes += bytes.length;
    const path = this.#path;
    // The bytes are the receiver's from here on.
    const copy = bytes.slice();
    if (dice.chance(path.drop)) {
      counts.dropped += 1;
      return;
    }
    this.#push({ kind: "message", dueMs: this.#dueMs(bytes.length), bytes: copy });
    if (dice.chance(path.duplicate)) {
      counts.duplicated += 1;
      this.#push({ kind: "message", dueMs: this.#dueMs(bytes.length), bytes: copy.slice() });
    }
    const [last, before] = [this.#queue.at(-1), this.#queue.at(-2)];
    if (this.#queue.length > 2 && last !== undefined && before?.kind === "message" && dice.chance(path.reorder)) {
      counts.reordered += 1;
      this.#queue.splice(-2, 2, last, before);
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.other?.wake();
  }

  close(code: number): void {
    if (this.#state === "dialing") return this.cut();
    if (this.#state !== "open") return;
    this.#state = "closing";
    if (!this.life.act()) return;
    this.#push({ kind: "close", dueMs: this.#dueMs(0), code });
    this.#isPaused = false;
    this.other?.wake();
    this.#stopCloseTimer = this.life.after(CLOSE_TIMEOUT_MS, () => this.cut());
  }

  cut(): void {
    if (this.#state === "closed") return;
    this.#sever(true);
    this.#tellClosed(ABNORMAL);
  }

  /** Asks for the connection. */
  request(address: string): void {
    this.#address = address;
    this.#push({ kind: "request", dueMs: this.#dueMs(0) });
  }

  /** The connection is gone by itself. `isTold`: this side hears of it now; otherwise it never hears anything again. */
  lose(isTold: boolean): void {
    this.#drop();
    if (this.#state === "closed") return;
    if (isTold) {
      this.#state = "closed";
      this.#tellClosed(ABNORMAL);
    } else this.#isDead = true;
  }

  bury(how: "killed" | "vanished"): void {
    if (this.#state === "closed") return;
    this.#stopCloseTimer();
    if (how === "killed") this.#sever(this.#network.dice.chance(0.5));
    else {
      this.#drop();
      this.#state = "closed";
      this.#network.forget(this);
      if (this.other !== undefined) this.other.#isDead = true;
    }
  }

  /** Goes on with what is on the way, if it can. */
  wake(): void {
    const [head] = this.#queue;
    if (head === undefined || this.#stopMoving !== undefined || !this.#canPass(head)) return;
    this.#stopMoving = this.#network.timeline.at(head.dueMs, () => {
      this.#stopMoving = undefined;
      this.#move();
    });
  }

  /** The way is another one: what waited for a slow one waits no longer than this one takes. */
  hurry(): void {
    this.#stopMoving?.();
    this.#stopMoving = undefined;
    const { delayMs, bytesPerMs } = this.#path;
    let dueMs = this.#network.timeline.nowMs + delayMs;
    for (const item of this.#queue) {
      dueMs += (item.bytes?.length ?? 0) / bytesPerMs;
      item.dueMs = Math.min(item.dueMs, dueMs);
    }
    this.#lastDueMs = this.#queue.at(-1)?.dueMs ?? 0;
    this.wake();
  }

  get #path(): Path {
    return this.#network.path(this.life.machine, this.remote);
  }

  #dueMs(byteCount: number): number {
    const { timeline, dice } = this.#network;
    const { delayMs, jitterMs, bytesPerMs } = this.#path;
    const arrivesMs = timeline.nowMs + delayMs + dice.fraction() * jitterMs;
    this.#lastDueMs = Math.max(this.#lastDueMs, arrivesMs) + byteCount / bytesPerMs;
    return this.#lastDueMs;
  }

  #push(item: Item): void {
    this.#queue.push(item);
    this.#queuedBytes += item.bytes?.length ?? 0;
    this.wake();
  }

  #canPass(head: Item): boolean {
    if (this.#isDead || this.#path.isCut || this.remote.isSuspended) return false;
    return head.kind !== "message" || this.other === undefined || !this.other.#isPaused || this.other.#state === "closed";
  }

  #move(): void {
    const [head] = this.#queue;
    if (head === undefined || !this.#canPass(head)) return;
    if (head.dueMs > this.#network.timeline.nowMs) return this.wake();
    this.#queue.shift();
    this.#queuedBytes -= head.bytes?.length ?? 0;
    this.#arrive(head);
    if (head.kind === "message" && this.life.isAlive && this.#state !== "closed") this.life.machine.attempt(() => this.#drained());
    this.#tidy();
    this.wake();
  }

  #drained(): void {
    if (this.life.isAlive && this.#state !== "closed") this.#listener.onDrain();
  }

  #arrive(item: Item): void {
    if (item.kind === "request") return this.#requested();
    const { other } = this;
    if (other === undefined) return;
    switch (item.kind) {
      case "accepted":
        return other.#opened();
      case "message":
        return other.#received(item.bytes ?? new Uint8Array());
      case "close":
        return other.#told(item.code);
      case "reset":
        return other.lose(true);
    }
  }

  /** The request has come to the machine that it was for. */
  #requested(): void {
    const listener = this.#network.listenerOf(this.#address);
    if (this.#state !== "dialing") return;
    if (listener === undefined) {
      // Refused; the word of it takes its way back.
      this.life.after(this.#network.path(this.remote, this.life.machine).delayMs, () => {
        if (this.#state === "dialing") this.lose(true);
      });
      return;
    }
    listener.accept((remoteListener) => {
      const accepted = new End(this.#network, listener.life, this.life.machine, remoteListener);
      accepted.#state = "open";
      accepted.other = this;
      this.other = accepted;
      this.#network.remember(accepted);
      accepted.#push({ kind: "accepted", dueMs: accepted.#dueMs(0) });
      return accepted;
    });
  }

  #opened(): void {
    if (this.#state !== "dialing" || this.#isDead) return;
    this.#state = "open";
    this.#listener.onOpen();
  }

  #received(bytes: Uint8Array): void {
    if (this.#state === "open" && !this.#isDead && this.life.isAlive) this.#listener.onMessage(bytes);
  }

  /** The other side closes: this one answers, and that is all. */
  #told(code: number | undefined): void {
    if (this.#state === "closed" || this.#isDead) return;
    const isAnswer = this.#state === "closing";
    this.#stopCloseTimer();
    this.#state = "closed";
    if (!isAnswer) {
      this.#drop();
      this.#push({ kind: "close", dueMs: this.#dueMs(0), code });
    }
    this.#tellClosed(code);
  }

  /** Ends this side. `isAbrupt`: what was sent and is not there yet is lost. */
  #sever(isAbrupt: boolean): void {
    this.#stopCloseTimer();
    this.#state = "closed";
    if (isAbrupt) this.#drop();
    if (this.other === undefined) this.#drop();
    else this.#push({ kind: "reset", dueMs: this.#dueMs(0) });
  }

  #drop(): void {
    this.#network.counts.lost += this.#queue.filter(({ kind }) => kind === "message").length;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #tellClosed(code: number | undefined): void {
    this.#tidy();
    this.life.after(0, () => this.#listener.onClose(code));
  }

  #tidy(): void {
    if (this.#state === "closed" && this.#queue.length === 0) this.#network.forget(this);
  }
}
