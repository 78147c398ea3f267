import type { Credentials } from "./credentials.ts";
import { Companion, type CompanionOptions } from "./companion.ts";
import { hexOf } from "./hex.ts";
import { Link } from "./link.ts";
import { encodeDrain } from "./messages/drain.ts";
import type { Dialer } from "./messages/hello.ts";
import type { Dial } from "./transport.ts";

export interface RelayLinkOptions extends Pick<CompanionOptions, "runtime" | "hub" | "members"> {
  readonly dial: Dial;
  readonly address: string;
  readonly credentials: Credentials;
  /** This relay. */
  readonly dialer: Dialer;
}

/** Another relay that this one dials, for as long as it is not closed; what is exchanged with it is a `Companion`'s for each connection. */
export class RelayLink {
  readonly #link: Link;
  #companion: Companion | undefined;

  constructor(options: RelayLinkOptions) {
    const { runtime, hub, members, address } = options;
    this.#link = new Link({
      runtime,
      dial: options.dial,
      address,
      credentials: options.credentials,
      dialer: options.dialer,
      counters: hub.counters,
      log: hub.log,
      onUp: ({ relayId, incarnation, status }) => {
        this.#companion = new Companion({
          runtime,
          hub,
          members,
          id: hexOf(relayId),
          incarnation: hexOf(incarnation),
          address,
          heard: status,
          isInitiator: true,
          send: (frame) => this.#link.send(frame),
          sendControl: (frame) => this.#link.sendControl(frame),
          drained: () => this.#link.drained(),
          giveUp: () => this.#link.drop("internalError"),
        });
      },
      onFrame: (frame, bytes) => void this.#companion?.receive(frame, bytes),
      onCaughtUp: () => this.#companion?.repair(),
      nowMs: () => hub.clock?.ownMs() ?? runtime.nowMs(),
      hasToldAll: () => this.#companion?.hasToldAll ?? true,
      onPong: (theirMs, rttMs, hasToldAll) => {
        if (this.#companion === undefined) return;
        hub.clock?.heard(this.#companion.id, theirMs, rttMs, false);
        if (hasToldAll) this.#companion.answered(rttMs);
      },
      onDown: () => {
        if (this.#companion !== undefined) hub.clock?.lost(this.#companion.id);
        this.#companion?.close();
        this.#companion = undefined;
      },
      onItself: () => members.isItself(address),
      onSettled: () => undefined,
    });
    this.#link.dial();
  }

  /** Says that it stops. Resolves when the socket is gone. */
  close(): Promise<void> {
    this.#link.send(encodeDrain());
    return this.#link.close();
  }
}
