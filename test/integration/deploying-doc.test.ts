import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { METRICS } from "../../src/metrics/metric-table.ts";
import { RELAY_METRICS } from "../../src/relay/relay-metrics.ts";
import { isSettingName, SETTINGS } from "../../src/relay/settings.ts";

const DOCS = join(import.meta.dirname, "../../docs");
const text = readFileSync(join(DOCS, "deploying.md"), "utf8");

test("[X19] docs/deploying.md lists every setting with its default and what it is, and no other", () => {
  const rows = [...text.matchAll(/^\| `--([\w-]+) (<.+?>)` \| (?:`(.+?)` )?\| (.+) \|$/gm)];
  const documented = rows.map(([, name, argument, fallback, help]) => ({ name, argument, fallback, help }));
  const settings = Object.keys(SETTINGS).filter(isSettingName);
  expect(documented).toEqual(
    settings.map((name) => ({ name, argument: SETTINGS[name].argument, fallback: SETTINGS[name].fallback, help: SETTINGS[name].help })),
  );
});

test.each(["deploying.md", "operation.md", "storage.md"])("[X19] docs/%s links only what exists", (page) => {
  const content = readFileSync(join(DOCS, page), "utf8");
  const targets = [...content.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)|^\[[\w-]+\]: (\S+)$/gm)].map(
    ([, inline, named]) => inline ?? named ?? "",
  );
  expect(targets.filter((target) => !existsSync(join(DOCS, target)))).toEqual([]);
});

test("[X19] each cell of the durability table that names a test has it, and no named link is left over", () => {
  const named = new Set([...text.matchAll(/^\[([\w-]+)\]: /gm)].map(([, name]) => name));
  const used = new Set([...text.matchAll(/\[[^\]]+\]\[([\w-]+)\]/g)].map(([, name]) => name));
  expect(used).toEqual(named);
});

test("[X19] the metrics to alert on are metrics", () => {
  const known = new Set([...METRICS, ...RELAY_METRICS].map(({ name }) => name));
  const [, watched = ""] = /\| alert on \| because \|\n([^]*?)\n\n/.exec(text) ?? [];
  const mentioned = [...watched.matchAll(/`([a-z_]{6,})`/g)].map(([, name]) => name);
  expect(mentioned.length).toBeGreaterThan(8);
  expect(mentioned.filter((name) => !known.has(name ?? ""))).toEqual([]);
});
