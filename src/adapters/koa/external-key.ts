import type Koa from "koa";
import { NOTHING_SEEN } from "../http/index.ts";
import type { Carrier, ResponseMark } from "../http/index.ts";
import type { ExternalKey } from "./options.ts";

/** What an id may be, by whatever way: 22 to 256 characters of base64url. */
const ID = /^[\w-]{22,256}$/;

/** One request's id by the option `externalKey`. It is not signed: only ids that are known are taken, and nobody guesses 32 random bytes. */
export class ExternalKeyCarrier implements Carrier {
  readonly kind = "custom";
  readonly #context: Koa.Context;
  readonly #externalKey: ExternalKey;

  constructor(context: Koa.Context, externalKey: ExternalKey) {
    this.#context = context;
    this.#externalKey = externalKey;
  }

  read(): ReturnType<Carrier["read"]> {
    const id: unknown = this.#externalKey.get(this.#context);
    if (typeof id !== "string" || !ID.test(id)) return { kind: "none" };
    return { kind: "presented", token: { id, sentAtMs: undefined } };
  }

  isWanted(): boolean {
    return true;
  }

  write({ cookie, channel, id, isRefresh }: Parameters<Carrier["write"]>[0]): ResponseMark | undefined {
    if (!cookie.maySend(channel)) return undefined;
    this.#externalKey.set(this.#context, id);
    return { isRefresh };
  }

  /** koa-session has no word for it, either: the id leads nowhere from now on. */
  clear(): undefined {
    return undefined;
  }

  readSeen(): typeof NOTHING_SEEN {
    return NOTHING_SEEN;
  }

  writeSeen(): undefined {
    return undefined;
  }
}
