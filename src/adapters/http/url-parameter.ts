/** The first value of a query parameter, decoded; undefined without it. */
export function parameterOf(url: string, name: string): string | undefined {
  const query = url.indexOf("?");
  if (query === -1 || !url.includes(name, query)) return undefined;
  return new URLSearchParams(url.slice(query + 1)).get(name) ?? undefined;
}

/** The same URL without that parameter, the rest as it was written. */
export function withoutParameter(url: string, name: string): string {
  const query = url.indexOf("?");
  if (query === -1) return url;
  const others = url
    .slice(query + 1)
    .split("&")
    .filter((part) => new URLSearchParams(part).get(name) === null);
  return others.length === 0 ? url.slice(0, query) : `${url.slice(0, query)}?${others.join("&")}`;
}

/** `link`, as it stands in a page of `origin` at `path`, with the parameter; unchanged where it leads to another origin, or nowhere. */
export function withParameter(link: string, origin: string, path: string, name: string, value: string): string {
  const target = URL.canParse(link, origin + path) ? new URL(link, origin + path) : undefined;
  if (target?.origin !== new URL(origin).origin || link.startsWith("#")) return link;
  const hash = link.indexOf("#");
  const fragment = hash === -1 ? "" : link.slice(hash);
  const bare = withoutParameter(hash === -1 ? link : link.slice(0, hash), name);
  return `${bare}${bare.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(value)}${fragment}`;
}
