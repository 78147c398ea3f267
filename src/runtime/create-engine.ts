import { Engine, type EngineOptions, type SessionEngine } from "../engine/index.ts";
import { MemoryStore } from "../storage/index.ts";
import { nodeRuntime } from "./node-runtime.ts";
import { applicationSpans } from "./telemetry.ts";

/**
 * A session engine for this process. Synchronous: requests can be served at once, `engine.ready` tells when it has met its
 * holders. `await engine.close()` before the process ends. Where the application has `@opentelemetry/api`, it traces.
 * @throws SessionError OPTION_INVALID
 */
export function createEngine(options: EngineOptions = {}): SessionEngine {
  return new Engine(options, { ...nodeRuntime, span: applicationSpans() }, (context) => new MemoryStore(context));
}
