import type { IncomingMessage } from "node:http";
import { ageOf } from "../../engine/index.ts";
import type { SessionEngine, SessionHandle, SessionKey } from "../../engine/index.ts";
import type { AdapterSettings } from "./adapter-settings.ts";
import type { Carrier } from "./carrier.ts";
import { isLoopback } from "./connection.ts";
import type { Channel, Connection, SessionCookie } from "./cookie.ts";
import { withDeadline } from "./deadline.ts";
import { RequestSession } from "./request-session.ts";
import type { Opening } from "./request-session.ts";
import { SeenExchange } from "./seen-exchange.ts";
import type { PresentedToken } from "./token.ts";
import { NOTHING_KNOWN } from "./version-token.ts";
import type { IsKnown } from "./version-token.ts";

/** A parallel request may still carry the id that a login just replaced; that long it gets no session of its own. */
const ROTATED_GRACE_MS = 60_000;

export interface IncomingRequest {
  readonly request: IncomingMessage;
  /** The framework's own request, for the options that are given it. */
  readonly source: unknown;
  readonly cookie: SessionCookie;
  /** Whether the client's side of the connection is TLS, as far as the framework trusts what says so. */
  readonly isSecure: boolean;
  /** Whether this request counts as use of its session. */
  readonly isUse: boolean;
}

/** Which session a request says it belongs to. */
export interface Presented {
  readonly channel: Channel;
  readonly token: PresentedToken | undefined;
  readonly carrier: Carrier | undefined;
}

const CHANNELS: readonly Channel[] = ["secure", "open"];
const NO_SESSION: Opening = { kind: "none" };
const MISSED: Opening = { kind: "none", missed: "missed" };
const EXPIRED: Opening = { kind: "none", missed: "expired" };
const TLS: Connection = { isSecure: true, isLoopback: false };
const LOOPBACK: Connection = { isSecure: false, isLoopback: true };
const PLAIN: Connection = { isSecure: false, isLoopback: false };

/** The first valid id in the order of the resolvers. Two valid cookies for different sessions count as none. */
function presentedBy(settings: AdapterSettings, incoming: Omit<IncomingRequest, "isUse" | "source">): Presented {
  const { request, cookie } = incoming;
  const channel = channelOf(incoming);
  for (const carrier of settings.carriers) {
    const reading = carrier.read(request, cookie, channel);
    if (reading.kind === "presented") return { channel, token: reading.token, carrier };
    if (reading.kind === "ambiguous") {
      settings.notices.notify(
        "duplicate-cookies",
        "A request carried two valid session cookies for different sessions; neither was used. Look for another Path or Domain.",
      );
    }
  }
  return { channel, token: undefined, carrier: undefined };
}

function channelOf({ request, cookie, isSecure }: Omit<IncomingRequest, "isUse" | "source">): Channel {
  if (cookie.attributes.secure === false) return "open";
  return cookie.channel(isSecure ? TLS : isLoopback(request) ? LOOPBACK : PLAIN);
}

/**
 * The same for an id that came by none of the ways: `signed` as a cookie of ours would have it. `isUnknown`: nothing is known of the
 * connection, so a cookie of either kind counts.
 */
export function beginPresenting(
  settings: AdapterSettings,
  incoming: IncomingRequest,
  signed: string,
  isUnknown: boolean,
): RequestSession | Promise<RequestSession> {
  const { cookie } = incoming;
  const own = channelOf(incoming);
  for (const channel of isUnknown ? CHANNELS : [own]) {
    const token = cookie.verify(channel, signed);
    if (token !== undefined) return begin(settings, incoming, { channel, token, carrier: undefined });
  }
  return begin(settings, incoming, { channel: own, token: undefined, carrier: undefined });
}

/**
 * Reads the id and opens its session: at once when it is in memory, else after asking store and holders, at most
 * `settings.waitMs`. Never rejects: a session that could not be loaded fails the code that asks for it, not the request.
 */
export function beginRequest(settings: AdapterSettings, incoming: IncomingRequest): RequestSession | Promise<RequestSession> {
  return begin(settings, incoming, presentedBy(settings, incoming));
}

function begin(settings: AdapterSettings, incoming: IncomingRequest, presented: Presented): RequestSession | Promise<RequestSession> {
  const { token } = presented;
  const { engine } = settings;
  if (token === undefined) {
    return new RequestSession(settings, incoming, presented, NO_SESSION, engine.isShared ? new SeenExchange(engine) : undefined);
  }
  const { id } = token;
  let seen: SeenExchange | undefined;
  const failed = (cause: unknown): RequestSession =>
    new RequestSession(settings, incoming, presented, { kind: "unavailable", cause }, seen);
  try {
    const key = engine.keyOf(id);
    seen = engine.isShared ? seenBy(engine, incoming, presented, key, incoming.isUse) : undefined;
    const open = engine.checkOutHot(key, seen?.seen);
    if (open !== undefined && open.envelope.successor === undefined) {
      return new RequestSession(settings, incoming, presented, { kind: "alive", open, id, follows: false }, seen);
    }
    if (open === undefined && engine.isPastLife(id)) return new RequestSession(settings, incoming, presented, EXPIRED, seen);
    // The engine may be closed by the time that the session is there.
    return openCold(settings, key, id, seen)
      .then((opening) => new RequestSession(settings, incoming, presented, opening, seen))
      .catch(failed);
  } catch (cause) {
    return failed(cause);
  }
}

/** For a request without a response: the session that its id names, as new as its client has seen it. */
export async function openPresented(
  settings: AdapterSettings,
  incoming: Omit<IncomingRequest, "isUse" | "source">,
): Promise<SessionHandle | undefined> {
  const { engine } = settings;
  const presented = presentedBy(settings, incoming);
  if (presented.token === undefined) return undefined;
  const { id } = presented.token;
  const key = engine.keyOf(id);
  const seen = engine.isShared && !engine.isPastLife(id) ? seenBy(engine, incoming, presented, key, false).seen : undefined;
  if (seen !== undefined && engine.checkOutHot(key, seen) === undefined) {
    await engine.checkOut(key, { bornAtMs: ageOf(id)?.bornAtMs, seen });
  }
  return engine.openById(id);
}

function seenBy(
  engine: SessionEngine,
  { request, cookie }: Pick<IncomingRequest, "request" | "cookie">,
  { carrier, channel }: Presented,
  key: SessionKey,
  isUse: boolean,
): SeenExchange {
  // A use counts from now on, whatever earlier one the client was told of.
  const isKnown: IsKnown = isUse ? (dot, touchedAtMs) => engine.hasPassed(key, dot, touchedAtMs) : NOTHING_KNOWN;
  return new SeenExchange(engine, key, carrier?.readSeen(request, cookie, channel, key, isKnown));
}

async function openCold(settings: AdapterSettings, key: string, id: string, exchange: SeenExchange | undefined): Promise<Opening> {
  const { engine, waitMs, setTimer } = settings;
  try {
    const asking = engine.checkOut(key, { bornAtMs: ageOf(id)?.bornAtMs, seen: exchange?.seen });
    const result = await withDeadline(asking, waitMs, setTimer, () => new Error(`No answer within ${waitMs} ms.`));
    // What is over needs no waiting for, and after a login its slots may be those of the new session by now.
    if (exchange?.seen !== undefined) exchange.isBehind = result.kind === "alive" ? result.isBehind : result.kind === "absent";
    if (result.kind === "alive") {
      return { kind: "alive", open: result.session, id, follows: result.follows };
    }
    // The engine's clock, not this machine's: a new session is born now.
    const isRecent = result.kind === "ended" && engine.draft().envelope.createdAtMs - result.atMs < ROTATED_GRACE_MS;
    if (isRecent && result.reason === "rotated") return { kind: "rotated" };
    return result.kind === "ended" && result.reason === "expired" ? EXPIRED : MISSED;
  } catch (cause) {
    return { kind: "unavailable", cause };
  }
}
