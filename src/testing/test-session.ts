import { beginRequest, resolveOptions } from "../adapters/http/index.ts";
import type { Notice, RequestOptions } from "../adapters/http/index.ts";
import { SessionError } from "../engine/index.ts";
import type { SessionData, SessionEngine, SessionKey } from "../engine/index.ts";

/** The engine of the application under test, and of the options that its `session({ … })` got those that make the cookie. */
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
 * `const { cookie } = await testSession({ engine: middleware.engine, secret }, { user })`. It goes the way of a request through the
 * adapters' own code, so names, limits and cookie options count as they do there. Resolves when the session is stored.
 * @throws SessionError OPTION_INVALID for options that the adapter refuses, and where this connection gets no cookie;
 * ATTRIBUTE_NAME_REFUSED, VALUE_REFUSED, LIMIT_EXCEEDED for attributes that cannot be stored.
 */
export async function testSession<Data extends object = SessionData>(
  target: TestTarget<Data>,
  data: Partial<Data> = {},
  options: TestSessionOptions = {},
): Promise<TestSession> {
  const { engine, secret, name, cookie } = target;
  const { secure = false } = options;
  const notices: Notice[] = [];
  const settings = resolveOptions(
    {
      engine,
      // A test of visitors may want a session without attributes.
      saveUninitialized: true,
      // The application's own middleware tells what is to be told.
      onNotice: (notice) => notices.push(notice),
      ...(secret === undefined ? {} : { secret }),
      ...(name === undefined ? {} : { name }),
      ...(cookie === undefined ? {} : { cookie }),
    },
    { adapter: "testSession", accessor: "session" },
  );
  const request = await beginRequest(settings, { cookieHeader: undefined, isSecure: secure, isLoopback: !secure, isUse: true });
  const { session } = request;
  if (session === undefined) throw new SessionError("INVARIANT_BROKEN", "A request without a cookie begins with an empty session.");
  Object.assign(session, data);
  await request.commit();
  const setCookie = request.cookie()?.setCookie;
  if (setCookie === undefined) throw refusal(notices);
  await session.save();
  return { cookie: setCookie.slice(0, setCookie.indexOf(";")), id: session.id, key: session.key };
}

function refusal(notices: readonly Notice[]): SessionError {
  const tooLarge = notices.find(({ code }) => code === "cookie-too-large");
  const noCookie =
    "Over plain http this application sets no cookie (cookie.secure, or NODE_ENV is production): call testSession with { secure: true }, " +
    "and send requests that it takes for https.";
  return new SessionError("OPTION_INVALID", tooLarge?.message ?? noCookie);
}
