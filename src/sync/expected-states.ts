import type { Runtime, SessionKey } from "../engine/index.ts";

/** How long a question waits for a state that is on its way: less than whoever asked waits for the answer. */
const ARRIVAL_TIMEOUT_MS = 200;

/** Whom a state was asked of. */
export interface AskedPeer {
  /** Asks for this one alone: it is answered before all that was asked for in bulk. */
  askNow(key: SessionKey): void;
}

/**
 * States that a relay asked for in bulk and does not have yet, as after a start without memory. A request for one of them is not told that
 * there is none: that one comes first.
 */
export class ExpectedStates {
  readonly #runtime: Runtime;
  readonly #asked = new Map<SessionKey, AskedPeer>();
  readonly #waiting = new Map<SessionKey, Set<() => void>>();
  /** Nodes that have not said yet all that they hold. */
  readonly #telling = new Set<AskedPeer>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  add(key: SessionKey, peer: AskedPeer): void {
    this.#asked.set(key, peer);
  }

  /** This node begins to say which sessions it holds: until `told` any may be among them. */
  telling(peer: AskedPeer): void {
    this.#telling.add(peer);
  }

  told(peer: AskedPeer): void {
    this.#telling.delete(peer);
  }

  /** It was asked for in bulk, and nobody waits for it. */
  isIdle(key: SessionKey): boolean {
    return this.#asked.has(key) && !this.#waiting.has(key);
  }

  /** It was taken in, or its peer does not hold it any more. */
  arrived(key: SessionKey): void {
    this.#asked.delete(key);
    for (const resolve of this.#waiting.get(key) ?? []) resolve();
  }

  /** The connection to this peer is gone. */
  lost(peer: AskedPeer): void {
    this.#telling.delete(peer);
    for (const [key, asked] of this.#asked) if (asked === peer) this.arrived(key);
  }

  /**
   * Undefined when nothing is on its way; otherwise resolves when it is there, or did not come in time. `isHeld`: it is here, if maybe not in
   * its last state. `asking`: who wants to know.
   */
  wait(key: SessionKey, isHeld: boolean, asking?: AskedPeer): Promise<void> | undefined {
    const asked = this.#asked.get(key);
    if (asked !== undefined) asked.askNow(key);
    else {
      const telling = isHeld ? [] : [...this.#telling].filter((peer) => peer !== asking);
      if (telling.length === 0) return undefined;
      for (const peer of telling) peer.askNow(key);
    }
    return new Promise((resolve) => {
      const settle = (): void => {
        stopTimer();
        const others = this.#waiting.get(key);
        others?.delete(settle);
        if (others?.size === 0) this.#waiting.delete(key);
        resolve();
      };
      const stopTimer = this.#runtime.setTimer(ARRIVAL_TIMEOUT_MS, settle);
      const others = this.#waiting.get(key);
      if (others === undefined) this.#waiting.set(key, new Set([settle]));
      else others.add(settle);
    });
  }
}
