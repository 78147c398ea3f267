import type { Replication, Runtime, SessionEngine, SessionEvent } from "../../../src/engine/index.ts";
import { Engine } from "../../../src/engine/index.ts";
import type { EngineOptions } from "../../../src/engine/index.ts";
import { SEEN_TIMEOUT_MS } from "../../../src/engine/seen.ts";
import { startRelay } from "../../../src/relay/relay.ts";
import { nodeRuntime } from "../../../src/runtime/index.ts";
import { MemoryStore } from "../../../src/storage/index.ts";
import { relays } from "../../../src/sync/index.ts";
import { HeldLink } from "../../support/held-link.ts";
import { TEST_SECRET } from "../../support/relay-holder.ts";
import type { ManualClock } from "./manual-engine.ts";
import type { Framework, Routes, Running, TestOptions } from "./frameworks.ts";

/** How many bytes the engine draws for the id of its process, the last of which says its slot. */
const WRITER_BYTES = 5;

/** How many times as long a patient engine waits for what a browser has seen, so that it comes however slow this machine is. */
const PATIENCE = 80;

/** An engine of this machine whose commits are told in `slot`. */
export function engineInSlot(
  slot: number,
  options: EngineOptions,
  { clock, isPatient = false }: { readonly clock?: ManualClock; readonly isPatient?: boolean } = {},
): SessionEngine {
  const patience = isPatient ? PATIENCE : 1;
  const runtime: Runtime = {
    ...nodeRuntime,
    nowMs: () => clock?.nowMs ?? nodeRuntime.nowMs(),
    monotonicMs: () => clock?.nowMs ?? nodeRuntime.monotonicMs() / patience,
    setTimer: (delayMs, run) => nodeRuntime.setTimer(delayMs === SEEN_TIMEOUT_MS ? delayMs * patience : delayMs, run),
    randomBytes: (byteCount: number) => {
      const bytes = nodeRuntime.randomBytes(byteCount);
      if (byteCount === WRITER_BYTES) bytes[WRITER_BYTES - 1] = slot;
      return bytes;
    },
  };
  return new Engine(options, runtime, (context) => new MemoryStore(context));
}

export interface Node extends Running {
  readonly engine: SessionEngine;
  readonly events: readonly SessionEvent[];
  /** Its wire to the relay. */
  readonly link: HeldLink;
}

export type NodeOptions = Omit<TestOptions, "engine"> & {
  readonly isPatient?: boolean;
  /** A relay that began a moment ago is not believed when it says that there is no such session. */
  readonly isRelayYoung?: boolean;
};

/** Servers of one framework whose engines meet on one relay, in slots 0, 1, …; each over a wire of its own. `closing` ends all of it. */
export async function startNodes(
  count: number,
  framework: Framework,
  routes: Routes,
  closing: (() => Promise<unknown>)[],
  { isPatient = false, isRelayYoung = false, ...options }: NodeOptions = {},
): Promise<Node[]> {
  const relay = await startRelay({ secret: TEST_SECRET });
  closing.unshift(() => relay.close());
  return Promise.all(
    Array.from({ length: count }, async (_, slot) => {
      const link = await HeldLink.to(relay.address);
      const events: SessionEvent[] = [];
      // Other than what the engine waits for, so that it can be told apart.
      const missTimeoutMs = isPatient ? 20_000 : 200;
      const forgetLossAfterMs = isRelayYoung ? undefined : 0;
      const sync = relays([link.address], { alone: "serve", secret: TEST_SECRET, missTimeoutMs, forgetLossAfterMs });
      const engine = engineInSlot(slot, { onEvent: (event) => events.push(event), sync }, { isPatient });
      await engine.ready;
      const running = await framework.start({ ...options, engine }, routes);
      closing.unshift(async () => {
        link.release();
        await running.close();
        await engine.close();
        await link.close();
      });
      return { ...running, engine, events, link };
    }),
  );
}

const NOT_DELIVERED = { acks: 0, wanted: 0, durable: false };

/** Holders that say nothing by themselves: for one process of several. `delivered` answers as the test says. */
export class QuietReplication implements Replication {
  readonly acks: number;
  readonly degraded: "serve" | "fail";
  readonly alone = "serve";
  readonly ready = Promise.resolve();
  delivered: Replication["delivered"] = async () => NOT_DELIVERED;

  constructor({ acks = 0, degraded = "serve" }: { readonly acks?: number; readonly degraded?: "serve" | "fail" } = {}) {
    this.acks = acks;
    this.degraded = degraded;
  }

  start(): void {}
  watch(): void {}
  unwatch(): void {}
  sendState(): void {}
  sendChange(): void {}
  sendCompaction(): void {}
  sendTouch(): void {}

  async fetch(): ReturnType<Replication["fetch"]> {
    return { kind: "absent", isComplete: true };
  }

  async sendEnd(): ReturnType<Replication["sendEnd"]> {
    return NOT_DELIVERED;
  }

  async sendRevocation(): ReturnType<Replication["sendRevocation"]> {
    return NOT_DELIVERED;
  }

  backlog(): ReturnType<Replication["backlog"]> {
    return { sessions: 0, bytes: 0, ageMs: 0 };
  }

  async claim(): Promise<boolean> {
    return false;
  }

  async release(): Promise<void> {}
  async close(): Promise<void> {}
}

interface Cookie {
  readonly value: string;
  readonly attributes: string;
}

/** A browser that meets another node with each request: it sends its cookies wherever it is sent, as browsers do behind a balancer. */
export class Traveller {
  readonly jar = new Map<string, string>();

  /** Another tab: the cookies of this moment, kept apart from then on. */
  fork(): Traveller {
    const other = new Traveller();
    for (const [name, value] of this.jar) other.jar.set(name, value);
    return other;
  }

  /** The names of the companions that it holds. */
  get slots(): string[] {
    return [...this.jar.keys()].filter((name) => name.startsWith("sid-")).toSorted();
  }

  async send({ url }: { readonly url: string }, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url + path, { redirect: "manual", headers: { ...(cookie === "" ? {} : { cookie }), ...headers } });
    this.keep(response);
    return response;
  }

  async json(node: { readonly url: string }, path: string): Promise<unknown> {
    return (await this.send(node, path)).json();
  }

  keep(response: Response): void {
    for (const [name, { value }] of cookiesOf(response)) {
      if (value === "") this.jar.delete(name);
      else this.jar.set(name, value);
    }
  }
}

/** What a response sets, by name. */
export function cookiesOf(response: Response): Map<string, Cookie> {
  return new Map(
    response.headers.getSetCookie().map((line) => {
      const [pair = "", ...attributes] = line.split("; ");
      const equals = pair.indexOf("=");
      return [pair.slice(0, equals), { value: pair.slice(equals + 1), attributes: attributes.join("; ") }] as const;
    }),
  );
}
