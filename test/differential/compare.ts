import { isDeepStrictEqual } from "node:util";
import { parseSetCookie } from "cookie";
import type { App } from "./app.ts";
import type { RawAnswer } from "./browser.ts";

/** One answer by fields, in which what has to differ (ids, signatures, instants) is replaced by what it stands for. */
export type Fields = ReadonlyMap<string, unknown>;

/** Where the two libraries differ. `undefined`: this side has nothing there. */
export interface Difference {
  readonly step: number;
  readonly field: string;
  readonly theirs: unknown;
  readonly ours: unknown;
}

/** Of the server, of this connection, or of bodies that hold ids. */
const IGNORED_HEADERS: ReadonlySet<string> = new Set([
  "date",
  "connection",
  "keep-alive",
  "etag",
  "content-length",
  "transfer-encoding",
  // Error pages of the frameworks themselves.
  "content-security-policy",
  "x-content-type-options",
]);

/** Ids of one script on one side, by the order in which they turned up. */
export class SessionNames {
  readonly #ids: string[] = [];

  nameOf(id: unknown): unknown {
    if (typeof id !== "string" || id === "") return id ?? null;
    if (!this.#ids.includes(id)) this.#ids.push(id);
    return `session ${this.#ids.indexOf(id) + 1}`;
  }
}

export function fieldsOf(answer: RawAnswer, app: App, names: SessionNames): Fields {
  const fields = new Map<string, unknown>([
    ["status", answer.status],
    ["aborted", answer.isAborted],
  ]);
  for (const [name, value] of Object.entries(answer.headers)) if (!IGNORED_HEADERS.has(name)) fields.set(`header.${name}`, value);
  // Cookies first: where an id is named there, the handler named it, too.
  for (const line of answer.setCookies) cookieFields(line, app, names, fields);
  bodyFields(answer, names, fields);
  return fields;
}

export function differences(step: number, theirs: Fields, ours: Fields): Difference[] {
  const all = new Set([...theirs.keys(), ...ours.keys()]);
  return [...all]
    .filter((field) => !isDeepStrictEqual(theirs.get(field), ours.get(field)))
    .map((field) => ({ step, field, theirs: theirs.get(field), ours: ours.get(field) }));
}

/** `cookie.<name>` says whose it is, `cookie.<name>.<attribute>` what it says; the session's cookie is called `session` in both. */
function cookieFields(line: string, app: App, names: SessionNames, fields: Map<string, unknown>): void {
  const { name, value = "", ...attributes } = parseSetCookie(line, { decode: (text) => text });
  const isSession = name === app.cookieName;
  const field = `cookie.${isSession ? "session" : name.startsWith(`${app.cookieName}.`) ? `session${name.slice(app.cookieName.length)}` : name}`;
  const { maxAge, expires, ...others } = attributes;
  const lifeMs = maxAge === undefined ? (expires === undefined ? undefined : expires.getTime() - wholeSeconds(Date.now())) : maxAge * 1000;
  const isCleared = lifeMs !== undefined && lifeMs <= 0;
  fields.set(field, isCleared ? "cleared" : isSession ? names.nameOf(app.idIn(value)) : "set");
  if (isSession) fields.set(`${field}.name`, name);
  if (fields.has(`${field}.count`)) fields.set(`${field}.count`, Number(fields.get(`${field}.count`)) + 1);
  else fields.set(`${field}.count`, 1);
  fields.set(`${field}.life`, isCleared ? "over" : lifeMs === undefined ? "browser" : Math.floor(lifeMs / 1000));
  for (const [attribute, said] of Object.entries(others)) {
    fields.set(`${field}.${attribute}`, typeof said === "string" && attribute !== "path" ? said.toLowerCase() : said);
  }
}

/** That is all that a cookie's Expires can say. */
function wholeSeconds(timeMs: number): number {
  return timeMs - (timeMs % 1000);
}

function bodyFields({ body, status }: RawAnswer, names: SessionNames, fields: Map<string, unknown>): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    // The page of a framework for an error of its own says what the error says.
    if (status < 500) fields.set("body", body);
    return;
  }
  const isStreamed = Array.isArray(parsed) && parsed.length === 1 && Array.isArray(parsed[0]);
  const seen = Array.isArray(parsed) ? (isStreamed ? (parsed[0] as unknown) : parsed) : (parsed as { seen?: unknown } | null)?.seen;
  if (!Array.isArray(seen)) {
    if (status < 500) fields.set("body", parsed);
    return;
  }
  seen.forEach((item: unknown, index) => flatten(`seen.${index}`, item, names, fields));
}

/** One field for each leaf, so that a difference is named and not buried. */
function flatten(field: string, item: unknown, names: SessionNames, fields: Map<string, unknown>): void {
  if (typeof item !== "object" || item === null || Array.isArray(item)) fields.set(field, item);
  else if (Object.keys(item).join() === "id") fields.set(field, names.nameOf((item as { id: unknown }).id));
  else if (Object.keys(item).length === 0) fields.set(field, "{}");
  else for (const [name, value] of Object.entries(item)) fields.set(`${field}.${name}`, value);
}
