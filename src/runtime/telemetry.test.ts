import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync } from "node:fs";
import { context, ROOT_CONTEXT, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Context, ContextManager } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SessionError, type SpanName } from "../engine/index.ts";
import { applicationSpans, spansOf } from "./telemetry.ts";

const API = { trace, SpanStatusCode };
const KEY = "k".repeat(22);

/** What an application's own SDK brings along. */
class AsyncContextManager implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    of: Context,
    run: F,
    receiver?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(of, () => run.call(receiver, ...args));
  }

  bind<T>(_context: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    this.#storage.disable();
    return this;
  }
}

describe("with a provider", () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const span = spansOf(API, "1.2.3");

  beforeAll(() => {
    // After `spansOf`, and after a span: the application may set up its SDK later than its sessions.
    span("session.load", KEY)();
    trace.setGlobalTracerProvider(provider);
    context.setGlobalContextManager(new AsyncContextManager());
  });

  afterEach(() => exporter.reset());

  afterAll(async () => {
    await provider.shutdown();
    trace.disable();
    context.disable();
  });

  function only(): ReadableSpan {
    const [first, second] = exporter.getFinishedSpans();
    if (first === undefined || second !== undefined) throw new Error("Not one span.");
    return first;
  }

  test.each<SpanName>(["session.load", "session.commit", "session.store", "session.end"])("[O3] %s is a span of that name", (name) => {
    const end = span(name, KEY);
    expect(exporter.getFinishedSpans()).toEqual([]);
    end();
    expect(only()).toMatchObject({
      name,
      status: { code: SpanStatusCode.UNSET },
      events: [],
      instrumentationScope: { name: "converge-session", version: "1.2.3" },
    });
    expect(Object.keys(only().attributes)).toEqual(["session.hash"]);
    expect(only().attributes["session.hash"]).toMatch(/^[0-9a-f]{12}$/);
  });

  test("[O3] it is a child of the active span, wherever it ends", async () => {
    const outer = trace.getTracer("application").startSpan("GET /");
    const end = await context.with(trace.setSpan(context.active(), outer), async () => {
      await Promise.resolve();
      return span("session.load", KEY);
    });
    end();
    outer.end();
    const [load, request] = exporter.getFinishedSpans();
    expect(load?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(load?.spanContext().traceId).toBe(request?.spanContext().traceId);
    exporter.reset();
    span("session.load", KEY)();
    expect(only().parentSpanContext).toBeUndefined();
  });

  test.each([
    ["one of ours", new SessionError("STORE_UNAVAILABLE", "a secret message", { cause: new Error("a secret cause") }), "STORE_UNAVAILABLE"],
    ["one of Node's", Object.assign(new Error("connect 10.0.0.1, a secret"), { code: "ECONNREFUSED" }), "ECONNREFUSED"],
    ["with a code that is none", Object.assign(new Error("x"), { code: "a secret" }), "_OTHER"],
    ["without a code", new Error("a secret"), "_OTHER"],
    ["no Error at all", "a secret", "_OTHER"],
    ["null", null, "_OTHER"],
  ])("[O3] an error that is %s is told by its code alone", (_, error, code) => {
    span("session.store", KEY)(error);
    expect(only()).toMatchObject({ status: { code: SpanStatusCode.ERROR, message: code }, attributes: { "error.type": code }, events: [] });
    const { status, attributes, events } = only();
    expect(JSON.stringify([status, attributes, events])).not.toContain("secret");
  });

  test("[O3] the hash is one for a session and a process, another in the next, and not the key", () => {
    const inNextProcess = spansOf(API, undefined);
    for (const begin of [span, span, inNextProcess]) begin("session.load", KEY)();
    span("session.load", "another key")();
    const hashes = exporter.getFinishedSpans().map(({ attributes }) => attributes["session.hash"]);
    expect(hashes[0]).toBe(hashes[1]);
    expect(new Set(hashes).size).toBe(3);
    expect(JSON.stringify(exporter.getFinishedSpans().map(({ attributes }) => attributes))).not.toContain(KEY);
  });

  test("[O3] createEngine finds the application's own copy, under this package's version", () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
    applicationSpans()?.("session.end", KEY)();
    expect(only().instrumentationScope).toMatchObject({ name: "converge-session", version });
    expect(applicationSpans()).toBe(applicationSpans());
  });
});

describe("whatever traces", () => {
  test("[O4] without a provider a span is nothing: not hashed, not recorded", () => {
    const span = spansOf(API, undefined);
    expect(trace.getTracer("x").startSpan("x").isRecording()).toBe(false);
    expect(span("session.load", KEY)).toBe(span("session.end", "other"));
    span("session.load", KEY)(new Error("x"));
  });

  test("[O4] a processor that throws harms nobody", () => {
    const boom = (): never => {
      throw new Error("This processor was told to fail.");
    };
    const quiet = { forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };
    const processors: SpanProcessor[] = [
      { ...quiet, onStart: boom, onEnd: () => undefined },
      { ...quiet, onStart: () => undefined, onEnd: boom },
    ];
    for (const processor of processors) {
      const provider = new BasicTracerProvider({ spanProcessors: [processor] });
      expect(() => provider.getTracer("x").startSpan("x").end()).toThrow("told to fail");
      const failing = Object.assign(Object.create(trace) as typeof trace, { getTracer: (name: string) => provider.getTracer(name) });
      const span = spansOf({ trace: failing, SpanStatusCode }, undefined);
      expect(() => span("session.load", KEY)(new Error("x"))).not.toThrow();
    }
  });
});
