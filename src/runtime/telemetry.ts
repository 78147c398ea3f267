import { createHmac, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import type * as OpenTelemetry from "@opentelemetry/api";
import { SessionError } from "../engine/index.ts";
import type { Runtime } from "../engine/index.ts";

type BeginSpan = NonNullable<Runtime["span"]>;
/** What is used of `@opentelemetry/api`. */
export type TraceApi = Pick<typeof OpenTelemetry, "trace" | "SpanStatusCode">;

const TRACER_NAME = "converge-session";

let found: { readonly span: BeginSpan | undefined } | undefined;

/** Spans by the application's `@opentelemetry/api`; undefined where it has none. Looks for it once in a process. */
export function applicationSpans(): BeginSpan | undefined {
  found ??= { span: findSpans() };
  return found.span;
}

/**
 * Spans of `api`, as children of what is active when they begin. A session is named by `session.hash`, which is salted anew in each
 * process: it connects the spans of one process, and leads to no session (SEC-20). Of an error only the code is told.
 */
export function spansOf(api: TraceApi, version: string | undefined): BeginSpan {
  const tracer = api.trace.getTracer(TRACER_NAME, version);
  const salt = randomBytes(32);
  return (name, key) => {
    // Whoever traces must not change what happens to sessions: a processor that throws is as none.
    try {
      const span = tracer.startSpan(name);
      if (!span.isRecording()) return nothing;
      span.setAttribute("session.hash", createHmac("sha256", salt).update(key).digest("hex").slice(0, 12));
      return (error) => endSpan(api, span, error);
    } catch {
      return nothing;
    }
  };
}

function endSpan(api: TraceApi, span: OpenTelemetry.Span, error: unknown): void {
  try {
    if (error !== undefined) {
      const code = codeOf(error);
      span.setAttribute("error.type", code);
      span.setStatus({ code: api.SpanStatusCode.ERROR, message: code });
    }
    span.end();
  } catch {
    // As above.
  }
}

function nothing(): void {}

/** Codes of ours and of Node (`ECONNREFUSED`); messages may hold anything. `_OTHER`: OpenTelemetry's name for the rest. */
function codeOf(error: unknown): string {
  if (error instanceof SessionError) return error.code;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : "_OTHER";
}

/** Looks where this package is installed, and, as that may be a link to elsewhere, where the application's main file is. */
function findSpans(): BeginSpan | undefined {
  for (const from of [import.meta.url, process.argv[1]]) {
    try {
      if (from === undefined) continue;
      const load = createRequire(from);
      return spansOf(load("@opentelemetry/api") as TraceApi, versionOfThis(load));
    } catch {
      // Not installed, or not to be loaded: nobody traces.
    }
  }
  return undefined;
}

function versionOfThis(load: NodeJS.Require): string | undefined {
  try {
    return (load("converge-session/package.json") as { version: string }).version;
  } catch {
    return undefined;
  }
}
