import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

/** A wire to a relay: what is sent over it towards the relay waits while the test holds it, in order. What comes back is not held. */
export class HeldLink {
  readonly #server: Server;
  readonly #pairs = new Map<Socket, Socket>();
  readonly #answered = new Set<() => void>();
  #isHeld = false;

  private constructor(target: URL) {
    this.#server = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      this.#pairs.set(near, far);
      if (this.#isHeld) near.pause();
      near.on("data", (bytes) => void far.write(bytes));
      far.on("data", (bytes) => {
        near.write(bytes);
        for (const told of this.#answered) told();
        this.#answered.clear();
      });
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.setNoDelay(true);
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
      near.on("close", () => this.#pairs.delete(near));
    });
  }

  /** `address`: `ws://host:port` of a relay. */
  static async to(address: string): Promise<HeldLink> {
    const link = new HeldLink(new URL(address));
    await new Promise<void>((resolve) => link.#server.listen(0, "127.0.0.1", resolve));
    return link;
  }

  get address(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when the relay says the next thing. */
  answer(): Promise<void> {
    return new Promise((resolve) => this.#answered.add(resolve));
  }

  hold(): void {
    this.#isHeld = true;
    for (const near of this.#pairs.keys()) near.pause();
  }

  release(): void {
    this.#isHeld = false;
    for (const near of this.#pairs.keys()) near.resume();
  }

  async close(): Promise<void> {
    for (const [near, far] of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
