import { counter } from "../../src/engine/attributes/counter.ts";
import { list } from "../../src/engine/attributes/list.ts";
import { map } from "../../src/engine/attributes/map.ts";
import { register } from "../../src/engine/attributes/register.ts";
import { set } from "../../src/engine/attributes/set.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import type { SessionKey } from "../../src/engine/record.ts";
import { TestNode } from "../support/engine-network.ts";

/** Of every relay, node, cookie and token here. */
export const FUZZ_SECRET = "a secret of the fuzzer alone, thirty-two bytes and more";

/** One attribute of each merge type, nested ones, and one that expires. */
export const ATTRIBUTES = {
  hits: counter(),
  tags: set(),
  cart: map(counter()),
  items: list(),
  note: register({ ttlMs: 60_000 }),
} satisfies EngineOptions["attributes"];

/** A real engine with replication that goes nowhere, at a time. */
export function fuzzedNode(seed: number, nowMs: number): TestNode {
  const node = new TestNode(seed, { attributes: ATTRIBUTES });
  node.runtime.stepTo(nowMs);
  return node.settle();
}

/** Whether there is an attribute that a session would show; undefined where the session is over, or never was. */
export type Attributes = Readonly<Record<string, unknown>>;

/** What a request would see, without being one: reading an expired session would end it. */
export function attributesAt(node: TestNode, key: SessionKey): Attributes | undefined {
  const session = node.engine.checkOutHot(key);
  return session === undefined ? undefined : Object.fromEntries(session.names().map((name) => [name, session.get(name)]));
}
