import {
  type AttributeTypes,
  Engine,
  type EngineOptions,
  type SessionData,
  type SessionDataOf,
  type SessionEngine,
} from "../engine/index.ts";
import { MemoryStore } from "../storage/index.ts";
import { nodeRuntime } from "./node-runtime.ts";
import { warnPerWorker } from "./per-worker-warning.ts";
import { applicationSpans } from "./telemetry.ts";

/**
 * A session engine for this process. Synchronous: requests can be served at once, `engine.ready` tells when it has met its
 * holders. `await engine.close()` before the process ends. Where the application has `@opentelemetry/api`, it traces.
 * What is declared in `attributes` has the type that its declaration says; any other attribute is unknown.
 * @throws SessionError OPTION_INVALID
 */
export function createEngine<Types extends AttributeTypes = AttributeTypes>(
  options: EngineOptions<Types> = {},
): SessionEngine<SessionDataOf<Types> & SessionData> {
  const engine = new Engine(options, { ...nodeRuntime, span: applicationSpans() }, (context) => new MemoryStore(context));
  // Processes that share a store see each other's sessions there.
  if (options.sync === undefined && engine.host.sessionStore.version === undefined) warnPerWorker();
  // An engine knows no declaration at compile time: that its values have the declared types is what merging by kind is for.
  return engine as SessionEngine as SessionEngine<SessionDataOf<Types> & SessionData>;
}
