import type { ServerResponse } from "node:http";

export type Method = "writeHead" | "write" | "end" | "flushHeaders";
export type Arguments = readonly unknown[];

interface HeldCall {
  readonly method: Method;
  readonly args: Arguments;
}

/** Beyond this a producer that ignores back-pressure has outrun the commit. One call may be larger: its bytes exist anyway. */
const HELD_BYTES_MAX = 16 * 1024 * 1024;

const SETTERS = ["setHeader", "setHeaders", "appendHeader", "removeHeader"] as const;

/**
 * What an application sends while a commit is under way, in order. To the application the response looks as it would in Node:
 * headers are sent and refuse changes, `write` asks to wait for 'drain', and after `end` it is ended.
 */
export class HeldResponse {
  readonly #response: ServerResponse;
  readonly #calls: HeldCall[] = [];
  readonly #statusCode: number;
  /** What `#appear` replaced; undefined for what was the prototype's. */
  readonly #covered = new Map<string, PropertyDescriptor | undefined>();
  #heldBytes = 0;
  #isWaitingForDrain = false;
  hasEnd = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#statusCode = response.statusCode;
  }

  get isFull(): boolean {
    return this.#heldBytes > HELD_BYTES_MAX && this.#calls.length > 1;
  }

  /** What the original would return: false for `write`, the response otherwise. */
  add(method: Method, args: Arguments): unknown {
    if (method === "writeHead" && this.#calls.length > 0) throw headersSent("write");
    if (this.#calls.length === 0) this.#lookSent();
    this.#calls.push({ method, args });
    this.#heldBytes += byteLength(args[0]);
    if (method === "end" && !this.hasEnd) {
      this.hasEnd = true;
      this.#cover("writableEnded", { get: () => true });
    }
    if (method !== "write") return this.#response;
    this.#isWaitingForDrain = true;
    return false;
  }

  /** Plays everything on, in order, as if it were called now. */
  replay(call: (method: Method, args: Arguments) => unknown): void {
    this.#uncover();
    const response = this.#response;
    // Node ignores a status that is set after the headers were sent.
    if (!response.headersSent) response.statusCode = this.#statusCode;
    let isFlowing = true;
    for (const { method, args } of this.#calls) {
      const result = call(method, args);
      if (method === "write") isFlowing = result !== false;
    }
    if (this.#isWaitingForDrain && isFlowing && !this.hasEnd && !response.destroyed) response.emit("drain");
  }

  /** Forgets everything; the response is as it was before. Callbacks are called all the same: somebody may wait for them. */
  drop(): void {
    this.#uncover();
    for (const { args } of this.#calls) {
      const callback = args.findLast((argument) => typeof argument === "function");
      if (typeof callback === "function") process.nextTick(callback, new Error("The response failed before it was sent."));
    }
    this.#calls.length = 0;
  }

  #lookSent(): void {
    this.#cover("headersSent", { get: () => true });
    for (const setter of SETTERS) {
      this.#cover(setter, {
        writable: true,
        value: () => {
          throw headersSent(setter === "removeHeader" ? "remove" : "set");
        },
      });
    }
  }

  #cover(name: string, descriptor: PropertyDescriptor): void {
    this.#covered.set(name, Object.getOwnPropertyDescriptor(this.#response, name));
    Object.defineProperty(this.#response, name, { ...descriptor, configurable: true });
  }

  #uncover(): void {
    for (const [name, before] of this.#covered) {
      if (before === undefined) Reflect.deleteProperty(this.#response, name);
      else Object.defineProperty(this.#response, name, before);
    }
    this.#covered.clear();
  }
}

function byteLength(chunk: unknown): number {
  if (typeof chunk === "string") return chunk.length;
  return chunk instanceof Uint8Array ? chunk.byteLength : 0;
}

/** Node's own error, by its code. */
function headersSent(action: "set" | "remove" | "write"): Error {
  return Object.assign(new Error(`Cannot ${action} headers after they are sent to the client`), { code: "ERR_HTTP_HEADERS_SENT" });
}
