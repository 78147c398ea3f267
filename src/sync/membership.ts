import type { RelayStatus } from "./messages/status.ts";

export interface MembershipOptions {
  readonly nowMs: number;
  /** What an earlier run kept of `completeSinceMs`; undefined where nothing was kept: this run began with nothing. */
  readonly keptSinceMs: number | undefined;
  /** The relays that this one dials. */
  readonly addresses: readonly string[];
  /** How long a lost relay counts as one that may hold what nobody else has. Milliseconds. */
  readonly forgetLossAfterMs: number;
}

/** Another relay, as a connection to it shows. */
export interface OtherRelay {
  /** Of its process start. */
  readonly id: string;
  /** Of what it keeps. */
  readonly incarnation: string;
  /** Where this side dialed. */
  readonly address: string | undefined;
}

interface Connected {
  readonly incarnation: string;
  readonly addresses: Set<string>;
  connectionCount: number;
  status: RelayStatus | undefined;
  isEqual: boolean;
  isDrained: boolean;
}

/** A relay that was here. */
interface Away {
  readonly addresses: ReadonlySet<string>;
  readonly sinceMs: number;
  readonly isDrained: boolean;
}

/**
 * What a relay knows of the others, and what its own "there is none" is worth for it (DESIGN section 5, "A miss"). Decides only: who is
 * connected and what the time is come in, `status` comes out.
 *
 * - It knows every session born from its start on. What it kept in a folder does not change that: nodes go on alone while no relay runs, and
 *   tell of what they made only when they are back.
 * - It passes its join barrier when it was equal once with every relay that it dials. It then knows what they know who were there all the time.
 * - A relay that is lost without a drain may have had what nobody else has: from here on this one knows sessions born from now on. When
 *   it comes back with what it kept, and was equal again, that is forgotten. When another is there in its place, this one knows sessions born
 *   from then on: nobody can tell a crash from a cut, behind which it may have gone on until the other started.
 * - While it is away so, others may be writing to it: it is no member, until so much time passed that it cannot matter any more.
 */
export class Membership {
  readonly #forgetLossAfterMs: number;
  readonly #keptSinceMs: number | undefined;
  /** Dialed relays that were not equal since the start. */
  readonly #awaited: Set<string>;
  readonly #connected = new Map<string, Connected>();
  readonly #away = new Map<string, Away>();
  /** When each incarnation was lost. */
  readonly #losses = new Map<string, number>();
  #baseSinceMs: number;
  /** It is the instant of this start, by this machine's clock. */
  #isOwnBase = true;

  constructor({ nowMs, keptSinceMs, addresses, forgetLossAfterMs }: MembershipOptions) {
    this.#forgetLossAfterMs = forgetLossAfterMs;
    this.#keptSinceMs = keptSinceMs;
    this.#baseSinceMs = nowMs;
    this.#awaited = new Set(addresses);
  }

  /** Past its join barrier. */
  get isComplete(): boolean {
    return this.#awaited.size === 0;
  }

  /** What must be kept for the next run. */
  get completeSinceMs(): number {
    // What it knows only for having just started is no news for the folder.
    const base = this.isComplete ? this.#baseSinceMs : (this.#keptSinceMs ?? this.#baseSinceMs);
    return Math.max(base, ...this.#losses.values());
  }

  /** `incarnation`: whom it is told to, where that is a relay: that this one was lost is nothing to itself. */
  status(nowMs: number, incarnation?: string): RelayStatus {
    const losses = [...this.#losses].filter(([lost]) => lost !== incarnation).map(([, atMs]) => atMs);
    const present = [...this.#connected.values()].filter(({ isEqual }) => isEqual).length;
    const excused = [...this.#away.values()].filter(({ isDrained, sinceMs }) => isDrained || nowMs >= sinceMs + this.#forgetLossAfterMs);
    return {
      isComplete: this.isComplete,
      completeSinceMs: Math.max(this.#baseSinceMs, ...losses),
      memberCount: 1 + present + excused.length,
    };
  }

  /** A connection to it is up; there may be two, one dialed by each. True for the first. */
  joined({ id, incarnation, address }: OtherRelay, nowMs: number): boolean {
    const known = this.#connected.get(id);
    if (known === undefined && !this.#away.has(incarnation)) this.#mayReplace(nowMs);
    const relay = known ?? {
      incarnation,
      addresses: new Set(),
      connectionCount: 0,
      status: undefined,
      isEqual: false,
      isDrained: false,
    };
    relay.connectionCount += 1;
    if (address !== undefined) relay.addresses.add(address);
    this.#connected.set(id, relay);
    // Whoever was here under this name is this one now. Who never was dialed has no name: better one too few than one too many.
    for (const [name, away] of this.#away) {
      const isSame = address === undefined ? away.addresses.size === 0 : away.addresses.has(address);
      if (isSame || name === incarnation) this.#away.delete(name);
    }
    return known === undefined;
  }

  /**
   * One that was never here is here. Any that is away may have lived on behind a cut until it started in its place, and have been told of
   * sessions until then.
   */
  #mayReplace(nowMs: number): void {
    for (const [lost, atMs] of this.#losses) if (this.#away.has(lost)) this.#losses.set(lost, Math.max(atMs, nowMs));
  }

  /** The address that is dialed is this relay's own. */
  isItself(address: string): void {
    this.#waitNoMoreFor([address]);
  }

  told(id: string, status: RelayStatus): void {
    const relay = this.#connected.get(id);
    if (relay !== undefined) relay.status = status;
  }

  /** Everything that either had at some moment of this connection, the other has. True: with that it is past its barrier. */
  equal(id: string): boolean {
    const relay = this.#connected.get(id);
    if (relay === undefined) return false;
    relay.isEqual = true;
    this.#losses.delete(relay.incarnation);
    return this.#waitNoMoreFor(relay.addresses);
  }

  /** The clock by which everything was dated so far turned out to be wrong, and was set by so much. */
  clockSet(byMs: number): void {
    for (const [incarnation, atMs] of this.#losses) this.#losses.set(incarnation, atMs + byMs);
    if (this.#isOwnBase) this.#baseSinceMs += byMs;
  }

  /** It is here, and counts: what is news to it comes here. */
  isMember(id: string): boolean {
    return this.#connected.get(id)?.isEqual === true;
  }

  drained(id: string): void {
    const relay = this.#connected.get(id);
    if (relay !== undefined) relay.isDrained = true;
  }

  /** A connection to it is gone. True for the last; then `isDrained` as it was. */
  left(id: string, nowMs: number): { readonly isLast: boolean; readonly isDrained: boolean } {
    const relay = this.#connected.get(id);
    if (relay === undefined) return { isLast: false, isDrained: false };
    relay.connectionCount -= 1;
    const { incarnation, addresses, isDrained } = relay;
    if (relay.connectionCount > 0) return { isLast: false, isDrained };
    this.#connected.delete(id);
    this.#away.set(incarnation, { addresses, sinceMs: nowMs, isDrained });
    if (!isDrained) this.#losses.set(incarnation, nowMs);
    return { isLast: true, isDrained };
  }

  /** True: nobody is awaited any more. */
  #waitNoMoreFor(addresses: Iterable<string>): boolean {
    if (this.isComplete) return false;
    for (const address of addresses) this.#awaited.delete(address);
    if (this.#awaited.size > 0) return false;
    const sinceMs = this.#sinceJoin();
    if (sinceMs !== this.#baseSinceMs) this.#isOwnBase = false;
    this.#baseSinceMs = sinceMs;
    return true;
  }

  /** The barrier is behind: since when it knows all, by what those know with whom it was equal. */
  #sinceJoin(): number {
    const statuses = [...this.#connected.values()].filter(({ isEqual, addresses }) => isEqual && addresses.size > 0);
    const since = statuses.map(({ status }) => status?.completeSinceMs ?? Number.POSITIVE_INFINITY);
    // Of what this one missed, those know nothing for sure who have yet to hear it themselves.
    const knowsAll = statuses.length > 0 && statuses.every(({ status }) => status?.isComplete === true);
    // Nor do they know what an earlier life of theirs was told, while this one could not hear it.
    return knowsAll ? Math.max(this.#keptSinceMs ?? 0, ...since) : Math.max(this.#baseSinceMs, ...since.filter(Number.isFinite));
  }
}
