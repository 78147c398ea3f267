import type { IncomingMessage } from "node:http";
import type { SessionHandle } from "../../engine/index.ts";
import type { CookieOptions, RegenerateOptions } from "../http/index.ts";
import type { DecryptCallback } from "./decrypt.ts";
import type { FastifySessionMethods } from "./session-object.ts";
import type { EngineStore } from "./store.ts";

/** As for Express: where @fastify/session's types are installed the properties have theirs (TS2717), else ours. */
// oxlint-disable-next-line typescript/ban-ts-comment -- an error exactly where the optional package is absent, so expect-error cannot say it
/** @ts-ignore */
type PeerSession = import("@fastify/session").FastifySessionObject;

// oxlint-disable-next-line typescript/ban-ts-comment -- as above
/** @ts-ignore */
type PeerStore = Readonly<import("@fastify/session").SessionStore>;

/** What the application declared: `declare module "fastify" { interface Session { user?: string } }`, as @fastify/session has it. */
type Data = import("fastify").Session;

/** Without a declaration attributes are unknown until they are looked at. */
type OwnSession = [keyof Data] extends [never]
  ? FastifySessionMethods & AttributesByName & Record<string, unknown>
  : FastifySessionMethods & DeclaredAttributes & Data;

interface AttributesByName {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
}

interface DeclaredAttributes {
  get<Name extends keyof Data>(key: Name): Data[Name] | undefined;
  set<Name extends keyof Data>(key: Name, value: Data[Name]): void;
}

/** The type of `request.session`. */
export type RequestSessionObject = [unknown] extends [PeerSession] ? OwnSession : PeerSession;

type RequestSessionStore = [unknown] extends [PeerStore] ? EngineStore : PeerStore;

declare module "fastify" {
  /** What an application keeps in its sessions. */
  interface Session {}

  interface FastifyRequest {
    /** Null for a request that is skipped or outside the cookie's path, and once the session was destroyed. */
    session: RequestSessionObject;
    sessionStore: RequestSessionStore;
  }

  interface FastifyInstance {
    /**
     * Gives `request`, which may be any object, the session that a signed id names (`session.encryptedSessionId`, or a cookie's value), or an
     * empty one; then calls back. Without a response of its own nothing is committed by itself: call `request.session.save()`. The cookie
     * options are those of a session that begins here. An error, such as SESSION_UNAVAILABLE, is given to the callback.
     */
    decryptSession(sessionId: string, request: object, callback: DecryptCallback): void;
    decryptSession(sessionId: string, request: object, cookieOptions: CookieOptions, callback: DecryptCallback): void;
    /**
     * The session of a request that has no response, such as the `upgrade` of a WebSocket; undefined without a valid id. For a session that
     * outlives the request: see `SessionHandle`.
     * @throws SessionError SESSION_UNAVAILABLE
     */
    openSession(request: import("fastify").FastifyRequest | IncomingMessage): Promise<SessionHandle | undefined>;
  }
}

// oxlint-disable-next-line typescript/ban-ts-comment -- as above
/** @ts-ignore */
declare module "@fastify/session" {
  /** What ours has beyond theirs. */
  interface FastifySessionObject {
    readonly id: string;
    readonly key: string;
    subject: string | undefined;
    regenerate(options: RegenerateOptions): Promise<void>;
    regenerate(options: RegenerateOptions, callback: (error?: unknown) => void): void;
  }
}
