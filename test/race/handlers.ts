import { attributesOf, endSession, RaceHandlers, regenerateSession } from "../../src/testing/index.ts";
import type { RaceAnswer, RaceHandler, RaceSession } from "../../src/testing/index.ts";

const DONE: RaceAnswer = { body: { ok: true } };

/** What the scenarios of `rows.ts` ask for beyond the routes of the races. What a request changes it has read before it waits. */
const MORE: Readonly<Record<string, RaceHandler>> = {
  // Writes that take their time
  "/set-late": async (_request, session, wait) => {
    await wait();
    session["late"] = true;
    return DONE;
  },
  "/read-all-late": async (_request, session, wait) => {
    const before = attributesOf(session);
    await wait();
    session["late"] = Object.keys(before).length;
    return DONE;
  },
  "/upload": async ({ query }, session, wait) => {
    const uploads = objectIn(session, "uploads");
    await wait();
    uploads[query.get("v") ?? ""] = { done: true };
    return DONE;
  },
  "/profile": async ({ query }, session, wait) => {
    const profile = objectIn(session, "profile");
    const address = objectIn(profile, "address");
    await wait();
    address[query.get("f") ?? ""] = "filled";
    return DONE;
  },
  "/mixed": async ({ query }, session, wait) => {
    const index = Number(query.get("v"));
    const items = arrayIn(session, "items");
    const cart = objectIn(session, "cart");
    await wait();
    if (index % 2 === 0) items.push(index);
    else cart[`item${index}`] = index;
    return DONE;
  },
  "/choose": async ({ query }, session, wait) => {
    await wait();
    session["choice"] = query.get("v");
    return DONE;
  },
  // Arrays and removals
  "/five": (_request, session) => {
    session["five"] = [1, 2, 3, 4, 5];
    session["gone"] = "here";
    return DONE;
  },
  "/drop-third": (_request, session) => {
    arrayIn(session, "five").splice(2, 1);
    return DONE;
  },
  "/remove": (_request, session) => {
    delete session["gone"];
    return DONE;
  },
  // Redirects and flash messages
  "/flash": ({ query }, session) => {
    session["flash"] = [query.get("v")];
    return { redirect: "/flashed" };
  },
  "/flashed": (_request, session) => {
    const flash = session["flash"] ?? [];
    delete session["flash"];
    return { body: { flash } };
  },
  // Ids
  "/sign-in": async (request) => {
    await regenerateSession(request);
    const session = request.session();
    if (session !== null && session !== undefined) session["user"] = "Grace";
    return DONE;
  },
  "/save-then-write": async (_request, session, wait) => {
    session["first"] = true;
    await saved(session);
    await wait();
    session["last"] = true;
    return DONE;
  },
  "/touch": async (_request, session, wait) => {
    const seen = session["user"];
    await wait();
    if (typeof session["touch"] === "function") (session["touch"] as () => void).call(session);
    return { body: { seen } };
  },
  "/short": (_request, session) => {
    const lifeMs = 600;
    if (typeof session["cookie"] === "object" && session["cookie"] !== null) (session["cookie"] as { maxAge: number }).maxAge = lifeMs;
    else session["maxAge"] = lifeMs;
    session["short"] = true;
    return DONE;
  },
  "/end": async (request) => {
    await endSession(request);
    return DONE;
  },
  "/nothing": () => DONE,
};

export function raceHandlers(): RaceHandlers {
  return new RaceHandlers(MORE);
}

function objectIn(parent: Record<string, unknown>, name: string): Record<string, unknown> {
  parent[name] ??= {};
  return parent[name] as Record<string, unknown>;
}

function arrayIn(parent: Record<string, unknown>, name: string): unknown[] {
  parent[name] ??= [];
  return parent[name] as unknown[];
}

function saved(session: RaceSession): Promise<void> {
  return new Promise((resolve, reject) => {
    (session["save"] as (callback: (error?: unknown) => void) => void).call(session, (error) =>
      error === undefined || error === null ? resolve() : reject(new Error("not saved", { cause: error })),
    );
  });
}
