import type { IncomingMessage } from "node:http";
import { beginRequest, resolveOptions, settingsOf } from "../adapters/http/index.ts";
import type { AdapterSettings, Notice, RequestOptions } from "../adapters/http/index.ts";
import { SessionError } from "../engine/index.ts";
import type { SessionData, SessionEngine, SessionKey } from "../engine/index.ts";

/** What `session({ … })` of the Express or Koa adapter gave. */
export interface TestedMiddleware<Data extends object = SessionData> {
  readonly engine: SessionEngine<Data>;
}

/** For Fastify, whose plugin is no object of its own: the engine of the application under test, and of the options that its `session({ … })` got those that make the cookie. */
export interface TestTarget<Data extends object = SessionData> extends Pick<RequestOptions<unknown>, "secret" | "name" | "cookie"> {
  /** `middleware.engine`, or the one that the middleware was given. */
  readonly engine: SessionEngine<Data>;
}

export interface TestSessionOptions {
  /**
   * False (default): for requests over plain http on loopback, as `fetch` and supertest send them. True: for requests that the application
   * takes for https, because of TLS or of a trusted proxy's `X-Forwarded-Proto`. The cookie has another name there.
   */
  readonly secure?: boolean;
}

export interface TestSession {
  /** A `Cookie` header: `name=value`. */
  readonly cookie: string;
  /** What the application sees as `session.id`. */
  readonly id: string;
  readonly key: SessionKey;
}

/**
 * A session that holds `data`, as if an earlier request had written it, for tests of what comes after a login:
 * `const { cookie } = await testSession(middleware, { user })`. It goes the way of a request through the
 * adapters' own code, so names, limits and cookie options count as they do there. Resolves when the session is stored.
 * @throws SessionError OPTION_INVALID for options that the adapter refuses, and where this connection gets no cookie;
 * ATTRIBUTE_NAME_REFUSED, VALUE_REFUSED, LIMIT_EXCEEDED for attributes that cannot be stored.
 */
export async function testSession<Data extends object = SessionData>(
  target: TestedMiddleware<Data> | TestTarget<Data>,
  data: Partial<Data> = {},
  options: TestSessionOptions = {},
): Promise<TestSession> {
  const { secure = false } = options;
  const notices: Notice[] = [];
  // The application's own middleware tells what is to be told. A test of visitors may want a session without attributes.
  const onNotice = (notice: Notice): void => void notices.push(notice);
  const settings: AdapterSettings = { ...(settingsOf(target) ?? settingsFor(target, onNotice)), saveUninitialized: true };
  const request = { headers: { host: "localhost" }, url: "/", socket: { remoteAddress: "127.0.0.1" } } as unknown as IncomingMessage;
  const begun = await beginRequest(settings, {
    request,
    source: request,
    cookie: settings.cookieOf(request),
    isSecure: secure,
    isUse: true,
  });
  const { session } = begun;
  if (session === undefined) throw new SessionError("INVARIANT_BROKEN", "A request without a cookie begins with an empty session.");
  Object.assign(session, data);
  await begun.commit();
  const setCookie = begun.mark()?.setCookie;
  if (setCookie === undefined) throw refusal(notices);
  await session.save();
  return { cookie: setCookie.slice(0, setCookie.indexOf(";")), id: session.id, key: session.key };
}

function settingsFor<Data extends object>(
  target: TestedMiddleware<Data> | TestTarget<Data>,
  onNotice: (notice: Notice) => void,
): AdapterSettings {
  const { engine, secret, name, cookie }: TestTarget<Data> = target;
  return resolveOptions(
    {
      // What a session may hold is the engine's affair, not that of its type here.
      engine: engine as unknown as SessionEngine,
      onNotice,
      ...(secret === undefined ? {} : { secret }),
      ...(name === undefined ? {} : { name }),
      ...(cookie === undefined ? {} : { cookie }),
    },
    { adapter: "testSession", accessor: "session" },
  );
}

function refusal(notices: readonly Notice[]): SessionError {
  const tooLarge = notices.find(({ code }) => code === "cookie-too-large");
  const noCookie =
    "Over plain http this application sets no cookie (cookie.secure, or NODE_ENV is production): call testSession with { secure: true }, " +
    "and send requests that it takes for https.";
  return new SessionError("OPTION_INVALID", tooLarge?.message ?? noCookie);
}
