import type { IncomingMessage } from "node:http";
import type { FastifyRequest } from "fastify";
import type { SessionHandle } from "../../engine/index.ts";
import { beginPresenting, openPresented } from "../http/index.ts";
import type { IncomingRequest, RequestSession } from "../http/index.ts";
import { attach, Exchange, exchangeOf, hasSlot } from "./exchange.ts";
import type { FastifySettings } from "./options.ts";
import { checkEncode } from "./session-object.ts";

export type DecryptCallback = (error?: unknown) => void;

/** `fastify.decryptSession`: see there. */
export function decryptInto(
  settings: FastifySettings,
  sessionId: string,
  request: object,
  cookieOptions: object | DecryptCallback,
  last: DecryptCallback = ignore,
): void {
  const isShort = typeof cookieOptions === "function";
  const options = isShort ? {} : cookieOptions;
  const callback = isShort ? (cookieOptions as DecryptCallback) : last;
  let begun: RequestSession | Promise<RequestSession>;
  try {
    checkEncode(options, "decryptSession()");
    begun = beginPresenting(settings, incomingOf(settings, request), sessionId, messageOf(request) === undefined);
    if (!(begun instanceof Promise)) give(settings, begun, request, options);
  } catch (error) {
    callback(error);
    return;
  }
  if (begun instanceof Promise) begun.then((session) => give(settings, session, request, options)).then(() => callback(), callback);
  else callback();
}

/** @throws SessionError SESSION_UNAVAILABLE */
function give(settings: FastifySettings, requestSession: RequestSession, request: object, options: object): void {
  const before = exchangeOf(request);
  // What was written to the session that its cookie named is not what this request is about.
  if (before !== undefined) before.session = null;
  const exchange = new Exchange(settings, requestSession, before?.reply);
  if (hasSlot(request)) attach(request, exchange);
  else Object.defineProperty(request, "session", { ...accessorOf(exchange), configurable: true, enumerable: true });
  // Asked for now, as only here somebody can be told that it could not be loaded.
  const { session } = exchange;
  if (requestSession.isNew && session !== null && Object.keys(options).length > 0) session.cookie = options;
}

function ignore(): void {}

/** `fastify.openSession`: see there. */
export function openFor(settings: FastifySettings) {
  return (request: FastifyRequest | IncomingMessage): Promise<SessionHandle | undefined> =>
    openPresented(settings, incomingOf(settings, request));
}

/** What can be known of the connection of a request of whatever kind; a plain object counts as one over TLS. */
function incomingOf(settings: FastifySettings, request: object): IncomingRequest {
  const message = messageOf(request);
  const { protocol } = request as Partial<FastifyRequest>;
  const isSecure = protocol === undefined ? message === undefined || isEncrypted(message) : protocol === "https";
  return { request: message ?? NO_MESSAGE, source: request, cookie: settings.cookieOf(request), isSecure, isUse: true };
}

function messageOf(request: object): IncomingMessage | undefined {
  const { raw = request } = request as { readonly raw?: object };
  return "headers" in raw && "socket" in raw ? (raw as IncomingMessage) : undefined;
}

function isEncrypted({ socket }: IncomingMessage): boolean {
  return "encrypted" in socket && socket.encrypted === true;
}

const NO_MESSAGE = { headers: {}, socket: {} } as IncomingMessage;

function accessorOf(exchange: Exchange): PropertyDescriptor {
  return {
    get: () => exchange.session,
    set: (value: unknown) => {
      exchange.session = value;
    },
  };
}
