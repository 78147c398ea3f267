import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { beginRequest, gateResponse, resolveOptions } from "../../src/adapters/http/index.ts";
import type { AdapterSettings } from "../../src/adapters/http/adapter-settings.ts";
import type { RequestSession } from "../../src/adapters/http/index.ts";
import { SessionError } from "../../src/engine/errors.ts";
import type { Running } from "./members.ts";

export const SESSION_COOKIE = "__Host-sid";
const SECRET = "what signs the cookies of the simulation, and nothing else at all";
const OK = 200;

/** What went over the wire, and what only the simulation knows. */
export interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly setCookies: readonly string[];
  /** The session whose cookie it sets, if it sets one. */
  readonly cookieKey: string | undefined;
}

const settingsOfProcess = new WeakMap<Running, AdapterSettings>();

/** Each process has its own, as an application has: the shipped ones, but for the timer. */
function settingsOf(running: Running): AdapterSettings {
  const known = settingsOfProcess.get(running);
  if (known !== undefined) return known;
  const resolved = resolveOptions(
    { engine: running.engine, secret: SECRET, onNotice: () => undefined },
    { adapter: "Simulation", accessor: "req.session" },
  );
  const settings: AdapterSettings = { ...resolved, setTimer: (delayMs, run) => running.life.setTimer(delayMs, run) };
  settingsOfProcess.set(running, settings);
  return settings;
}

/** One request at one process, from its Cookie header to its Set-Cookie, through the adapters' own HTTP half, as an adapter uses it. */
export async function serve(
  running: Running,
  cookieHeader: string,
  handle: (session: RequestSession) => Promise<void>,
  onHeaders: (answer: Answer) => void,
): Promise<Answer> {
  const settings = settingsOf(running);
  const request = requestOf(cookieHeader);
  const response = new ServerResponse(request);
  response.sendDate = false;
  const begun = beginRequest(settings, {
    request,
    source: request,
    cookie: settings.cookieOf(request),
    isSecure: true,
    isUse: true,
  });
  const session = begun instanceof Promise ? await begun : begun;
  let code: string | undefined;
  return new Promise<Answer>((resolve) => {
    const end = response.end.bind(response);
    // What stands behind the gate: nothing is sent but by this.
    response.end = ((...args: Parameters<typeof end>) => {
      const result = end(...args);
      const answer = answerOf(response, session, code);
      onHeaders(answer);
      resolve(answer);
      return result;
    }) as typeof response.end;
    const fail = (error: unknown): void => {
      code = error instanceof SessionError ? error.code : String(error instanceof Error ? error.stack : error);
      if (response.headersSent) return;
      response.statusCode = error instanceof SessionError ? error.status : 500;
      response.end();
    };
    gateResponse(response, {
      commit: () => session.commit(),
      commitLate: () => session.commitLate(),
      mark: () => session.mark(),
      fail,
      notices: settings.notices,
      setTimer: settings.setTimer,
    });
    response.statusCode = OK;
    handle(session).then(() => {
      if (!response.writableEnded) response.end("done");
    }, fail);
  });
}

const NOBODY = new Socket();

function requestOf(cookieHeader: string): IncomingMessage {
  const request = new IncomingMessage(NOBODY);
  request.method = "POST";
  request.url = "/";
  request.headers = { host: "shop.example", ...(cookieHeader === "" ? {} : { cookie: cookieHeader }) };
  return request;
}

function answerOf(response: ServerResponse, session: RequestSession, code: string | undefined): Answer {
  const header = response.getHeader("set-cookie");
  const setCookies = Array.isArray(header) ? header : header === undefined ? [] : [String(header)];
  const hasId = setCookies.some((cookie) => cookie.startsWith(`${SESSION_COOKIE}=`) && !cookie.startsWith(`${SESSION_COOKIE}=;`));
  return { status: response.statusCode, code, setCookies, cookieKey: hasId ? session.session?.key : undefined };
}
