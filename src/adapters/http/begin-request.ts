import type { AdapterSettings } from "./adapter-settings.ts";
import type { Connection } from "./cookie.ts";
import { withDeadline } from "./deadline.ts";
import { RequestSession } from "./request-session.ts";
import type { Opening } from "./request-session.ts";

/** A parallel request may still carry the id that a login just replaced; that long it gets no session of its own. */
const ROTATED_GRACE_MS = 60_000;

export interface IncomingRequest extends Connection {
  readonly cookieHeader: string | undefined;
  /** Whether this request counts as use of its session. */
  readonly isUse: boolean;
}

const NO_SESSION: Opening = { kind: "none" };

/**
 * Reads the cookie and opens its session: at once when it is in memory, else after asking store and holders, at most
 * `settings.waitMs`. Never rejects: a session that could not be loaded fails the code that asks for it, not the request.
 */
export function beginRequest(settings: AdapterSettings, incoming: IncomingRequest): RequestSession | Promise<RequestSession> {
  const channel = settings.cookie.channel(incoming);
  const reading = settings.cookie.read(incoming.cookieHeader, channel);
  if (reading.kind !== "presented") {
    if (reading.kind === "ambiguous") {
      settings.notices.notify(
        "duplicate-cookies",
        "A request carried two valid session cookies for different sessions; neither was used. Look for another Path or Domain.",
      );
    }
    return new RequestSession(settings, channel, undefined, false, NO_SESSION);
  }
  const { cookie } = reading;
  try {
    const key = settings.engine.keyOf(cookie.id);
    const hot = settings.engine.checkOutHot(key);
    if (hot === undefined) {
      if (settings.engine.isPastLife(cookie.id)) return new RequestSession(settings, channel, cookie, false, NO_SESSION);
      return openCold(settings, key, cookie.id).then((opening) => new RequestSession(settings, channel, cookie, incoming.isUse, opening));
    }
    return new RequestSession(settings, channel, cookie, incoming.isUse, { kind: "alive", open: hot, id: cookie.id });
  } catch (cause) {
    return new RequestSession(settings, channel, cookie, false, { kind: "unavailable", cause });
  }
}

async function openCold(settings: AdapterSettings, key: string, id: string): Promise<Opening> {
  const { engine, waitMs, setTimer } = settings;
  try {
    const result = await withDeadline(engine.checkOut(key), waitMs, setTimer, () => new Error(`No answer within ${waitMs} ms.`));
    if (result.kind === "alive") return { kind: "alive", open: result.session, id };
    // The engine's clock, not this machine's: a new session is born now.
    const isRecent = result.kind === "ended" && engine.draft().envelope.createdAtMs - result.atMs < ROTATED_GRACE_MS;
    return isRecent && result.reason === "rotated" ? { kind: "rotated" } : NO_SESSION;
  } catch (cause) {
    return { kind: "unavailable", cause };
  }
}
