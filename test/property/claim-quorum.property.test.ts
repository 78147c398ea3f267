import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ClaimGrants } from "../../src/sync/claim-grants.ts";
import { ClaimQuorum, type Granter } from "../../src/sync/claim-quorum.ts";
import type { Claim } from "../../src/sync/messages/claim.ts";
import type { ClaimAnswer } from "../../src/sync/messages/claimed.ts";
import { decodeFrame } from "../../src/sync/messages/index.ts";
import { ManualRuntime, seededRandom, settle } from "../support/manual-runtime.ts";
import { keyNamed } from "../support/set-replica.ts";

const KEY = keyNamed("s");
const ANSWER_TIMEOUT_MS = 250;
const CLOCK_ERROR_MS = 2_000;
const DAY_MS = 86_400_000;

/** What a store does for claims, and how long its writes take. */
class ClaimStore {
  readonly #taken = new Map<string, number>();
  readonly #wait: () => Promise<void>;

  constructor(wait: () => Promise<void>) {
    this.#wait = wait;
  }

  async claim(key: string, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    const place = `${key} ${name}`;
    const isFree = (this.#taken.get(place) ?? 0) <= nowMs;
    if (isFree) this.#taken.set(place, untilMs);
    await this.#wait();
    return isFree;
  }

  async release(key: string, name: string, untilMs: number): Promise<void> {
    const place = `${key} ${name}`;
    if (this.#taken.get(place) === untilMs) this.#taken.delete(place);
    await this.#wait();
  }
}

/** A relay as far as claims go. A crash takes its grants; its store only where that does not last. */
class ModelRelay {
  readonly isDurable: boolean;
  readonly #world: ModelWorld;
  #store: ClaimStore;
  #grants: ClaimGrants;
  /** Counts its starts: what was asked of an earlier one is never answered. */
  life = 0;
  isUp = true;

  constructor(world: ModelWorld, isDurable: boolean) {
    this.#world = world;
    this.isDurable = isDurable;
    this.#store = new ClaimStore(() => world.pause(3));
    this.#grants = this.#begin(world.runtime.nowMs());
  }

  crash(): void {
    this.isUp = false;
    this.life += 1;
  }

  restart(): void {
    this.isUp = true;
    if (this.isDurable) {
      this.#grants = this.#begin(this.#world.startedAtMs);
      return;
    }
    this.#store = new ClaimStore(() => this.#world.pause(3));
    this.#grants = this.#begin(this.#world.runtime.nowMs());
  }

  answer(claim: Claim): Promise<ClaimAnswer> {
    return this.#grants.answer(claim);
  }

  #begin(recordSinceMs: number): ClaimGrants {
    const { runtime } = this.#world;
    return new ClaimGrants({ runtime, nowMs: () => runtime.nowMs(), replica: this.#store, recordSinceMs, clockErrorMs: CLOCK_ERROR_MS });
  }
}

/** One node's connection to one relay: frames arrive in order, and all that is under way is lost when it breaks. */
class ModelHolder implements Granter {
  readonly #world: ModelWorld;
  readonly target: ModelRelay;
  readonly #id: string;
  #node: ModelNode | undefined;
  #connection = 0;
  #isConnected = true;
  #lastArrivalMs = { there: 0, back: 0 };

  constructor(world: ModelWorld, target: ModelRelay, id: string) {
    this.#world = world;
    this.target = target;
    this.#id = id;
  }

  set node(node: ModelNode) {
    this.#node = node;
  }

  get relay(): { readonly id: string } | undefined {
    return this.#isConnected && this.target.isUp ? { id: `${this.#id} ${this.target.life}` } : undefined;
  }

  send(frame: Uint8Array): void {
    if (this.relay === undefined) return;
    const claim = decodeFrame(frame) as Claim;
    const connection = this.#connection;
    const { life } = this.target;
    this.#arrive("there", () => {
      // A frame that the relay had read is still acted on, although its connection is gone: half of the lost ones.
      if (this.target.life !== life || (connection !== this.#connection && this.#world.random() < 0.5)) return;
      void this.target.answer(claim).then((answer) => {
        this.#arrive("back", () => {
          if (connection === this.#connection && this.target.life === life)
            this.#node?.quorum.receive(this, { kind: "claimed", requestId: claim.requestId, answer });
        });
      });
    });
  }

  cut(): void {
    this.#connection += 1;
    this.#isConnected = false;
    this.#node?.quorum.lost(this);
    this.#world.runtime.setTimer(this.#world.upTo(300), () => (this.#isConnected = true));
  }

  #arrive(way: "there" | "back", run: () => void): void {
    const { runtime } = this.#world;
    this.#lastArrivalMs[way] = Math.max(this.#lastArrivalMs[way], runtime.monotonicMs() + this.#world.upTo(this.#world.delayMaxMs));
    runtime.setTimer(this.#lastArrivalMs[way] - runtime.monotonicMs(), run);
  }
}

class ModelNode {
  readonly holders: readonly ModelHolder[];
  readonly quorum: ClaimQuorum<ModelHolder>;

  constructor(world: ModelWorld) {
    this.holders = world.relays.map((relay, index) => new ModelHolder(world, relay, `relay ${index}`));
    this.quorum = new ClaimQuorum({
      runtime: world.runtime,
      relayCount: world.relays.length,
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
      holders: () => this.holders,
    });
    for (const holder of this.holders) holder.node = this;
  }
}

class ModelWorld {
  readonly runtime: ManualRuntime;
  readonly random: () => number;
  readonly startedAtMs: number;
  readonly relays: readonly ModelRelay[];
  readonly nodes: readonly ModelNode[];
  readonly delayMaxMs: number;

  constructor(seed: number, durable: readonly boolean[], nodeCount: number, delayMaxMs: number) {
    this.runtime = new ManualRuntime(seed);
    this.random = seededRandom(seed);
    this.startedAtMs = this.runtime.nowMs();
    this.delayMaxMs = delayMaxMs;
    this.relays = durable.map((isDurable) => new ModelRelay(this, isDurable));
    // Whatever is claimed here is of a session that was born later.
    this.runtime.advance(CLOCK_ERROR_MS + 1);
    this.nodes = Array.from({ length: nodeCount }, () => new ModelNode(this));
  }

  upTo(maxMs: number): number {
    return this.random() * maxMs;
  }

  pause(maxMs: number): Promise<void> {
    return new Promise((resolve) => void this.runtime.setTimer(this.upTo(maxMs), resolve));
  }

  async run(forMs: number, stepMs = 4): Promise<void> {
    for (let leftMs = forMs; leftMs > 0; leftMs -= stepMs) {
      this.runtime.advance(stepMs);
      await settle();
    }
  }
}

type Fault =
  | { readonly kind: "cut"; readonly node: number; readonly relay: number; readonly atMs: number }
  | { readonly kind: "crash"; readonly relay: number; readonly atMs: number; readonly forMs: number };

const faults = (maxMs: number): fc.Arbitrary<Fault[]> =>
  fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("cut" as const), node: fc.nat(), relay: fc.nat(), atMs: fc.nat(maxMs) }),
      fc.record({ kind: fc.constant("crash" as const), relay: fc.nat(), atMs: fc.nat(maxMs), forMs: fc.nat(400) }),
    ),
    { maxLength: 8 },
  );

const worlds = {
  seed: fc.nat(),
  durable: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
  delayMaxMs: fc.constantFrom(1, 20, 120, 400),
};

function arm(world: ModelWorld, list: readonly Fault[]): void {
  for (const fault of list) {
    world.runtime.setTimer(fault.atMs, () => {
      const index = fault.relay % world.relays.length;
      const relay = world.relays[index];
      if (fault.kind === "cut") return void world.nodes[fault.node % world.nodes.length]?.holders[index]?.cut();
      if (relay === undefined || !relay.isUp) return;
      relay.crash();
      for (const node of world.nodes) node.holders[index]?.cut();
      world.runtime.setTimer(fault.forMs, () => relay.restart());
    });
  }
}

describe("claims by majority", () => {
  it("[SY28] [C1] are never true for two, whatever is lost, delayed, crashed or forgotten", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ ...worlds, faults: faults(1_500), atMs: fc.array(fc.nat(1_500), { minLength: 2, maxLength: 6 }) }),
        async ({ seed, durable, delayMaxMs, faults: list, atMs }) => {
          const world = new ModelWorld(seed, durable, 3, delayMaxMs);
          const bornAtMs = world.runtime.nowMs();
          arm(world, list);
          const outcomes: (boolean | "unavailable")[] = [];
          for (const [index, startMs] of atMs.entries()) {
            world.runtime.setTimer(startMs, () => {
              const nowMs = world.runtime.nowMs();
              const claim = { key: KEY, name: "claim ticket", nowMs, untilMs: bornAtMs + 30 * DAY_MS, bornAtMs };
              world.nodes[index % world.nodes.length]?.quorum.claim(claim).then(
                (answer) => outcomes.push(answer),
                () => outcomes.push("unavailable"),
              );
            });
          }
          await world.run(1_500 + 5 * ANSWER_TIMEOUT_MS + 1_000);
          expect(outcomes).toHaveLength(atMs.length);
          expect(outcomes.filter((outcome) => outcome === true).length).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it("[SY28] [C2] of leases never hold for two at a time, and are free again once released", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ ...worlds, faults: faults(2_000), atMs: fc.array(fc.nat(2_000), { minLength: 2, maxLength: 6 }) }),
        async ({ seed, durable, delayMaxMs, faults: list, atMs }) => {
          const world = new ModelWorld(seed, durable, 3, delayMaxMs);
          const { runtime } = world;
          const bornAtMs = runtime.nowMs();
          arm(world, list);
          let holderCount = 0;
          let settled = 0;
          for (const [index, startMs] of atMs.entries()) {
            runtime.setTimer(startMs, () => {
              const nowMs = runtime.nowMs();
              const untilMs = nowMs + 5_000;
              const quorum = world.nodes[index % world.nodes.length]!.quorum;
              const done = (): void => void (settled += 1);
              quorum.claim({ key: KEY, name: "once run", nowMs, untilMs, bornAtMs }).then((granted) => {
                if (!granted) return done();
                holderCount += 1;
                expect(holderCount).toBe(1);
                runtime.setTimer(world.upTo(200), () => {
                  holderCount -= 1;
                  void quorum.release(KEY, "once run", untilMs);
                  done();
                });
              }, done);
            });
          }
          await world.run(2_000 + 5 * ANSWER_TIMEOUT_MS + 1_000);
          expect(settled).toBe(atMs.length);
        },
      ),
    );
  });

  it("[SY29] [C3] always have an outcome while a majority is up: the first who asks alone gets it, nobody after", async () => {
    await fc.assert(
      fc.asyncProperty(fc.record({ ...worlds, delayMaxMs: fc.constantFrom(1, 20, 50) }), async ({ seed, durable, delayMaxMs }) => {
        const world = new ModelWorld(seed, durable, 2, delayMaxMs);
        const bornAtMs = world.runtime.nowMs();
        for (const relay of world.relays.slice(Math.floor(durable.length / 2) + 1)) relay.crash();
        const ask = async (node: number): Promise<unknown> => {
          const nowMs = world.runtime.nowMs();
          const claim = { key: KEY, name: "claim ticket", nowMs, untilMs: bornAtMs + 30 * DAY_MS, bornAtMs };
          const answer = world.nodes[node]?.quorum.claim(claim).catch((error: unknown) => error);
          await world.run(5 * ANSWER_TIMEOUT_MS);
          return answer;
        };
        expect(await ask(0)).toBe(true);
        expect(await ask(1)).toBe(false);
        expect(await ask(0)).toBe(false);
      }),
    );
  });

  it("[SY29] [C3] are unavailable without a majority, and never a guess", async () => {
    await fc.assert(
      fc.asyncProperty(fc.record({ ...worlds, durable: fc.array(fc.boolean(), { minLength: 2, maxLength: 5 }) }), async (model) => {
        const world = new ModelWorld(model.seed, model.durable, 1, model.delayMaxMs);
        const bornAtMs = world.runtime.nowMs();
        for (const relay of world.relays.slice(Math.floor((model.durable.length - 1) / 2) + (model.durable.length % 2 === 0 ? 1 : 0)))
          relay.crash();
        const nowMs = world.runtime.nowMs();
        const answer = world.nodes[0]!.quorum.claim({
          key: KEY,
          name: "claim ticket",
          nowMs,
          untilMs: bornAtMs + 30 * DAY_MS,
          bornAtMs,
        }).catch((error: unknown) => error);
        await world.run(5 * ANSWER_TIMEOUT_MS);
        expect(await answer).toMatchObject({ code: "CLAIM_UNAVAILABLE" });
      }),
    );
  });

  it("[SY29] of an older session than a relay's record are no vote of that relay's, until what it forgot is over", async () => {
    const world = new ModelWorld(1, [false], 1, 1);
    const bornAtMs = world.startedAtMs - 1;
    const ask = async (untilMs: number): Promise<unknown> => {
      const nowMs = world.runtime.nowMs();
      const answer = world.nodes[0]!.quorum.claim({ key: KEY, name: `${untilMs}`, nowMs, untilMs, bornAtMs }).catch(
        (error: unknown) => error,
      );
      await world.run(5 * ANSWER_TIMEOUT_MS);
      return answer;
    };
    expect(await ask(bornAtMs + 30 * DAY_MS)).toMatchObject({ code: "CLAIM_UNAVAILABLE" });
    expect(await ask(world.runtime.nowMs() + 20_000)).toMatchObject({ code: "CLAIM_UNAVAILABLE" });
    world.runtime.advance(20_000);
    expect(await ask(world.runtime.nowMs() + 20_000)).toBe(true);
  });
});
