import type { IncomingMessage } from "node:http";
import { SessionCookie } from "../../../src/adapters/http/cookie.ts";
import { KeyRing } from "../../../src/adapters/http/key-ring.ts";
import { Notices } from "../../../src/adapters/http/notices.ts";
import { readSeenHeader, seenHeader } from "../../../src/adapters/http/seen-header.ts";
import { type IsKnown, seenOf, SLOTS, type VersionToken } from "../../../src/adapters/http/version-token.ts";
import { ageOf } from "../../../src/engine/session-id.ts";
import { readConfigFile } from "../../../src/relay/config-file.ts";
import { resolveSettings, SettingError, SETTINGS } from "../../../src/relay/settings.ts";
import type { Dice } from "../../simulation/dice.ts";
import type { Corpus } from "../corpus.ts";
import { FUZZ_SECRET, fuzzedNode } from "../fuzzed-engine.ts";
import { bytesOf } from "../hostile-bytes.ts";
import { mutated } from "../mutation.ts";
import { Inconsistent, type Target } from "../target.ts";

/** Header texts travel as one byte a character. */
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
const bytesOfText = (text: string): Uint8Array => Buffer.from(text, "latin1");

function newCookie(keys: KeyRing): SessionCookie {
  return new SessionCookie("__Host-sid", {}, keys, newNotices(), true);
}

function newNotices(): Notices {
  return new Notices(() => undefined);
}

/** A `Cookie` header, with everything that is done with the id in it. */
export function cookieTarget({ nowMs }: Corpus): Target {
  const keys = new KeyRing([FUZZ_SECRET, `${FUZZ_SECRET} of yesterday`], newNotices());
  const cookie = newCookie(keys);
  const { engine } = fuzzedNode(8, nowMs);
  const issued = Array.from({ length: 6 }, () => engine.issueId());
  const sign = (id: string, sentAtMs: number | undefined): string =>
    `__Host-sid=${keys.sign("__Host-sid", `${id}${sentAtMs === undefined ? "" : `~${sentAtMs.toString(36)}`}`)}`;
  const honest = issued.map((id, index) => bytesOfText(`a=1; ${sign(id, index % 2 === 0 ? undefined : nowMs)}; theme=dark`));
  // Ids of others who have the secret, or had: whatever a custom `genid` made.
  const strange = [
    "",
    "~",
    "a",
    "é",
    "x".repeat(4_000),
    `${"A".repeat(53)}g`,
    `${"_".repeat(53)}w`,
    "~NaN",
    "a~zzzzzzzzzzzzzzzzz",
    "a~-1",
    "\u0000",
    "__proto__",
  ];
  const known = new Set([...issued, ...strange.map((id) => (id.includes("~") ? id.slice(0, id.lastIndexOf("~")) : id))]);
  let id: string | undefined;
  return {
    name: "cookie",
    input(dice) {
      if (dice.chance(0.6)) return mutated(dice, dice.pick(honest), honest);
      const values = Array.from({ length: dice.whole(1, 6) }, () =>
        dice.chance(0.6) ? sign(dice.pick(strange), undefined) : textOf(mutated(dice, dice.pick(honest), honest)),
      );
      return bytesOfText(values.join(dice.pick(["; ", ";", ",", " ;\t"])));
    },
    take(input) {
      const reading = cookie.read(textOf(input), "secure");
      id = reading.kind === "presented" ? reading.token.id : undefined;
      if (id === undefined) return false;
      cookie.readSeen(textOf(input), "secure", engine.keyOf(id));
      const open = engine.checkOutHot(engine.keyOf(id));
      return open === undefined && typeof engine.isPastLife(id) === "boolean";
    },
    check() {
      if (id === undefined) return;
      if (!known.has(id)) throw new Inconsistent("an id was believed that nobody signed");
      const age = ageOf(id);
      if (age !== undefined && !(Number.isSafeInteger(age.bornAtMs) && Number.isSafeInteger(age.overAtMs) && age.overAtMs >= age.bornAtMs))
        throw new Inconsistent("an id has an age that is none");
    },
  };
}

const SEEN_WAY = "x-session";

/** The header Session-Seen, or a `Cookie` header with companions, and what an engine makes of the dots in it. */
export function seenTarget({ histories, nowMs }: Corpus): Target {
  const keys = new KeyRing(FUZZ_SECRET, newNotices());
  const cookie = newCookie(keys);
  const node = fuzzedNode(9, nowMs);
  const [history] = histories.slice(5);
  if (history === undefined) throw new Error("the corpus has no session for version tokens");
  const { key } = history.victim.envelope;
  const isReady = node.replica.receiveState(key, history.victim);
  const dots = history.changes.map(({ writer, stamp }) => [writer, stamp] as const);
  // What only another process with the same secret can say, a faulty one.
  const hostile = [[2 ** 32, 1], [2 ** 40 - 1, 2 ** 56 - 256], [1, 2 ** 53 - 1], [2 ** 35 - 1, 0], ...dots] as const;
  const token = (dice: Dice): VersionToken => ({
    dot: dice.chance(0.9) ? dice.pick(dice.chance(0.5) ? dots : hostile) : undefined,
    touchedAtMs: dice.pick([0, nowMs, nowMs + 10 ** 9, 2 ** 48 - 1]),
  });
  const header = (dice: Dice): Uint8Array => {
    const tokens = new Map(Array.from({ length: dice.whole(1, 9) }, () => [dice.pick(SLOTS), token(dice)] as const));
    if (dice.chance(0.5)) return bytesOf(0, bytesOfText(seenHeader(keys, SEEN_WAY, key, tokens)[1]));
    const cookies = [...tokens].map(([slot, each]) => cookie.writeSeen("secure", slot, key, each)?.split(";")[0] ?? "");
    return bytesOf(1, bytesOfText(cookies.join("; ")));
  };
  return {
    name: "seen",
    input(dice) {
      const bytes = header(dice);
      return dice.chance(0.7) ? bytesOf(bytes[0] ?? 0, mutated(dice, bytes.subarray(1), [header(dice).subarray(1)])) : bytes;
    },
    async take(input) {
      await isReady;
      const text = textOf(input.subarray(1));
      const request = { headers: { "session-seen": text } } as unknown as IncomingMessage;
      const isKnown: IsKnown = (dot, atMs) => node.engine.hasPassed(key, dot, atMs);
      const isHeader = (input[0] ?? 0) === 0;
      const reading = isHeader ? readSeenHeader(keys, request, SEEN_WAY, key, isKnown) : cookie.readSeen(text, "secure", key, isKnown);
      const seen = seenOf(reading);
      // Whoever lacks what was seen waits for it, so of a session in memory it is only asked whether that is so.
      node.engine.checkOutHot(key, seen);
      return seen !== undefined;
    },
    check() {
      node.events.length = 0;
      const session = node.engine.checkOutHot(key);
      if (session === undefined || session.envelope.touchedAtMs > nowMs + 2_000) throw new Inconsistent("a version token broke a session");
    },
  };
}

const CONFIG = `listen = "127.0.0.1:7411"\ndomain = "default"\npeer = ["ws://10.0.0.2:7411", "wss://relay.example:7411"]\nsession-count = 1000\nlog-level = "info"\n`;
const CONFIG_JSON = JSON.stringify({ listen: "127.0.0.1:7411", peer: ["ws://10.0.0.2:7411"], "session-bytes": 4096, "drain-ms": "5000" });
const CONFIG_VALUES = [
  "1",
  "-1",
  "1e400",
  "nan",
  "inf",
  "true",
  "[]",
  "[1, 2]",
  '""',
  '"x"',
  "{}",
  "1979-05-27T07:32:00Z",
  "0xffffffffffffffff",
  '"ws://a@b"',
  '"[::1]:99999"',
  "[[[[]]]]",
  '"\\ud800"',
  "9007199254740993",
  '[["ws://a"]]',
  '"127.0.0.1:70000"',
];

/** 0 for TOML or 1 for JSON, and the text. */
export function configTarget(): Target {
  const toml = Buffer.from(CONFIG);
  const json = Buffer.from(CONFIG_JSON);
  const names = [...Object.keys(SETTINGS), "secret", "__proto__", "constructor", "a.b.c", '"\\u0000"'];
  let settings: Readonly<Record<string, unknown>> | undefined;
  return {
    name: "config",
    input(dice) {
      const isJson = dice.chance(0.5);
      const valid = isJson ? json : toml;
      if (dice.chance(0.4)) return bytesOf(Number(isJson), mutated(dice, valid, [toml, json]));
      const lines = Array.from({ length: dice.whole(1, 4) }, () => [dice.pick(names), dice.pick(CONFIG_VALUES)] as const);
      const depth = dice.chance(0.03) ? dice.pick([100, 5_000, 20_000]) : 0;
      const deep = "[".repeat(depth) + "]".repeat(depth);
      const text = isJson
        ? `{${[...lines.map(([name, value]) => `"${name}":${value}`), ...(depth > 0 ? [`"peer":${deep}`] : [])].join(",")}}`
        : [...lines.map(([name, value]) => `${name} = ${value}`), ...(depth > 0 ? [`peer = ${deep}`] : [])].join("\n");
      return bytesOf(Number(isJson), Buffer.from(text));
    },
    take(input) {
      const path = (input[0] ?? 0) === 1 ? "relay.json" : "relay.toml";
      const text = Buffer.from(input.subarray(1)).toString("utf8");
      settings = undefined;
      try {
        const file = { path, settings: readConfigFile(path, () => text) };
        settings = { ...resolveSettings({ flags: {}, variables: {}, file }) };
        return true;
      } catch (error) {
        if (error instanceof SettingError) return false;
        throw error;
      }
    },
    check() {
      if (settings === undefined) return;
      for (const [name, value] of Object.entries(settings)) {
        if (!Object.hasOwn(SETTINGS, name)) throw new Inconsistent("a setting came that there is not");
        if (typeof value === "number" && !(Number.isSafeInteger(value) && value >= 0))
          throw new Inconsistent(`${name} is a number that is none`);
      }
    },
  };
}
