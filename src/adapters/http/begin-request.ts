import type { IncomingMessage } from "node:http";
import { ageOf } from "../../engine/index.ts";
import type { AdapterSettings } from "./adapter-settings.ts";
import type { Carrier } from "./carrier.ts";
import { isLoopback } from "./connection.ts";
import type { Channel, Connection, SessionCookie } from "./cookie.ts";
import { withDeadline } from "./deadline.ts";
import { RequestSession } from "./request-session.ts";
import type { Opening } from "./request-session.ts";
import type { PresentedToken } from "./token.ts";

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

const NO_SESSION: Opening = { kind: "none" };
const TLS: Connection = { isSecure: true, isLoopback: false };
const LOOPBACK: Connection = { isSecure: false, isLoopback: true };
const PLAIN: Connection = { isSecure: false, isLoopback: false };

/** The first valid id in the order of the resolvers. Two valid cookies for different sessions count as none. */
export function presentedBy(
  settings: AdapterSettings,
  { request, cookie, isSecure }: Omit<IncomingRequest, "isUse" | "source">,
): Presented {
  const isAlwaysOpen = cookie.attributes.secure === false;
  const channel = isAlwaysOpen ? "open" : cookie.channel(isSecure ? TLS : isLoopback(request) ? LOOPBACK : PLAIN);
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

/**
 * Reads the id and opens its session: at once when it is in memory, else after asking store and holders, at most
 * `settings.waitMs`. Never rejects: a session that could not be loaded fails the code that asks for it, not the request.
 */
export function beginRequest(settings: AdapterSettings, incoming: IncomingRequest): RequestSession | Promise<RequestSession> {
  const { channel, token, carrier } = presentedBy(settings, incoming);
  if (token === undefined) return new RequestSession(settings, incoming, channel, NO_SESSION);
  const { engine } = settings;
  const { id } = token;
  try {
    const key = engine.keyOf(id);
    const open = engine.checkOutHot(key);
    if (open !== undefined && open.envelope.successor === undefined) {
      return new RequestSession(settings, incoming, channel, { kind: "alive", open, id, follows: false }, token, carrier);
    }
    if (open === undefined && engine.isPastLife(id)) {
      return new RequestSession(settings, incoming, channel, NO_SESSION, token, carrier);
    }
    return openCold(settings, key, id).then((opening) => new RequestSession(settings, incoming, channel, opening, token, carrier));
  } catch (cause) {
    return new RequestSession(settings, incoming, channel, { kind: "unavailable", cause }, token, carrier);
  }
}

async function openCold(settings: AdapterSettings, key: string, id: string): Promise<Opening> {
  const { engine, waitMs, setTimer } = settings;
  try {
    const opening = engine.checkOut(key, { bornAtMs: ageOf(id)?.bornAtMs });
    const result = await withDeadline(opening, waitMs, setTimer, () => new Error(`No answer within ${waitMs} ms.`));
    if (result.kind === "alive") return { kind: "alive", open: result.session, id, follows: result.follows };
    // The engine's clock, not this machine's: a new session is born now.
    const isRecent = result.kind === "ended" && engine.draft().envelope.createdAtMs - result.atMs < ROTATED_GRACE_MS;
    return isRecent && result.reason === "rotated" ? { kind: "rotated" } : NO_SESSION;
  } catch (cause) {
    return { kind: "unavailable", cause };
  }
}
