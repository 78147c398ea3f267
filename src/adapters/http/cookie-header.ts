const SPACE = 0x20;
const TAB = 0x09;

/**
 * Values of all cookies called exactly `name` in a `Cookie` header, in its order, at most `countMax` of them
 * (RFC 6265 section 5.4). Only space and tab are white space here: `String.prototype.trim` would also take off a
 * no-break space, and a cookie called U+00A0 + name, which any page of the domain may set, would pass for ours (CVE-2026-39410).
 * The `cookie` package keeps the first of several cookies of one name only; a tossed one would hide ours.
 */
export function cookieValues(header: string, name: string, countMax: number): string[] {
  const values: string[] = [];
  if (!header.includes(name)) return values;
  let start = 0;
  while (start <= header.length && values.length < countMax) {
    const semicolon = header.indexOf(";", start);
    const end = semicolon === -1 ? header.length : semicolon;
    const equals = header.indexOf("=", start);
    if (equals !== -1 && equals < end && trimmed(header, start, equals) === name) values.push(trimmed(header, equals + 1, end));
    start = end + 1;
  }
  return values;
}

/** The last character of the name, and the value, of all cookies whose name is `prefix` and one character more: in order, by the same rules. */
export function cookiesBeside(header: string, prefix: string): [last: string, value: string][] {
  const found: [string, string][] = [];
  if (!header.includes(prefix)) return found;
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals === -1) continue;
    const name = trimmed(pair, 0, equals);
    if (name.length === prefix.length + 1 && name.startsWith(prefix)) found.push([name.slice(-1), trimmed(pair, equals + 1, pair.length)]);
  }
  return found;
}

function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
