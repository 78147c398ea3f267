import type { SessionObject } from "../http/index.ts";

/** As for Express: where @fastify/session's types are installed the property has theirs (TS2717), else ours. */
// oxlint-disable-next-line typescript/ban-ts-comment -- an error exactly where the optional package is absent, so expect-error cannot say it
/** @ts-ignore */
type PeerSession = import("@fastify/session").FastifySessionObject;

export type RequestSessionObject = [unknown] extends [PeerSession] ? SessionObject : PeerSession;

declare module "fastify" {
  interface FastifyRequest {
    session: RequestSessionObject;
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
  }
}
