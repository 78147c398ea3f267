import { setTimeout as pause } from "node:timers/promises";
import { jsonOf } from "../cluster/json-of.ts";
import { pick, type Random } from "../cluster/random.ts";

export interface LoadNode {
  readonly name: string;
  /** Of the app. */
  readonly url: string;
  /** Of its admin port. */
  readonly adminUrl: string;
}

/** A node that did not answer is left alone for so long, as balancers do. */
const AVOID_MS = 1_000;
const HEALTH_PERIOD_MS = 400;
/** Longer than a busy machine keeps a healthy node from answering. */
const HEALTH_TIMEOUT_MS = 1_000;

/** Which node a request goes to: any of those in rotation that answered lately. */
export class Nodes {
  readonly all: readonly LoadNode[];
  readonly #random: Random;
  readonly #avoidUntilMs = new Map<string, number>();
  #inRotation: ReadonlySet<string>;

  constructor(nodes: readonly LoadNode[], random: Random) {
    this.all = nodes;
    this.#random = random;
    this.#inRotation = new Set(nodes.map(({ name }) => name));
  }

  rotate(names: readonly string[]): void {
    this.#inRotation = new Set(names);
  }

  any(): LoadNode {
    const nowMs = performance.now();
    const inRotation = this.all.filter(({ name }) => this.#inRotation.has(name));
    const answering = inRotation.filter(({ name }) => (this.#avoidUntilMs.get(name) ?? 0) <= nowMs);
    return pick(this.#random, answering.length > 0 ? answering : inRotation.length > 0 ? inRotation : this.all);
  }

  /** Looks at each node now and then, as balancers do, until `isOver`. */
  async watchHealth(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await Promise.all([pause(HEALTH_PERIOD_MS), ...this.all.map((node) => this.#checkHealth(node))]);
    }
  }

  async #checkHealth(node: LoadNode): Promise<void> {
    if ((await jsonOf(`${node.adminUrl}/stats`, HEALTH_TIMEOUT_MS)) === undefined) this.avoid(node);
  }

  avoid({ name }: LoadNode): void {
    this.#avoidUntilMs.set(name, performance.now() + AVOID_MS);
  }
}
