export { createEngine } from "./create-engine.ts";
export { nodeRuntime } from "./node-runtime.ts";
