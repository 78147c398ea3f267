import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

const REQUEST = "src/adapters/http/request-session.ts";
const BEGIN = "src/adapters/http/begin-request.ts";
const GATE = "src/adapters/http/response-gate.ts";
const COOKIE_TEST = "src/adapters/http/cookie.test.ts";
const COOKIES_TEST = "test/integration/adapters/cookies.test.ts";
const LIFE_TEST = "test/integration/adapters/life-cycle.test.ts";
const OBJECT_TEST = "test/integration/adapters/session-object.test.ts";
const RESPONSES_TEST = "test/integration/adapters/responses.test.ts";
const RESOLVERS_TEST = "test/integration/adapters/resolvers.test.ts";
const KEY_RING = "src/adapters/http/key-ring.ts";
const KEY_RING_TEST = "src/adapters/http/key-ring.test.ts";

/** The HTTP half, which the simulator's browsers use as a program does: caught by the tests of the adapters, over real HTTP. */
export const ADAPTER_MUTANTS: readonly SourceMutant[] = [
  {
    name: "Set-Cookie goes by the verdict of when the request began",
    laws: ["A12"],
    guard: "R3",
    edits: [
      edit(
        REQUEST,
        'held.open.envelope.successor === undefined && held.open.verdict() !== "ended";',
        "held.open.envelope.successor === undefined;",
      ),
    ],
    test: { project: "integration", file: LIFE_TEST, title: "that overlaps a logout revives nothing and sends no cookie" },
  },
  {
    name: "all processes tell their commits in one slot",
    laws: ["RW7"],
    edits: [
      edit("src/adapters/http/version-token.ts", "const slot = SLOTS[(writer + step) % WRITER_SLOT_COUNT];", "const slot = SLOTS[0];"),
    ],
    test: { project: "unit", file: "src/adapters/http/version-token.test.ts", title: "[RW7] have their writer's place" },
  },
  byTestsOf("A1", COOKIES_TEST, "whoever looks at a session begins one", [
    edit(REQUEST, "if ((isEmpty && !evenIfEmpty) || this.#isBeginningRefused)", "if (this.#isBeginningRefused)"),
    edit(REQUEST, "open.commit(evenIfEmpty ? { evenIfEmpty } : {})", "open.commit({ evenIfEmpty: true })"),
  ]),
  byTestsOf("A2", COOKIES_TEST, "scripts may read the cookie", [
    edit(
      "src/adapters/http/cookie.ts",
      "httpOnly: overrides.httpOnly ?? attributes.httpOnly,",
      "httpOnly: overrides.httpOnly ?? !attributes.httpOnly,",
    ),
  ]),
  byTestsOf("A3", COOKIES_TEST, "an id that nobody knows is taken over", [
    edit(
      REQUEST,
      "return newIdOf(this.#settings, this.#incoming, lifeMs);",
      "return this.#presented?.id ?? newIdOf(this.#settings, this.#incoming, lifeMs);",
    ),
  ]),
  byTestsOf("A4", COOKIE_TEST, "a cookie is valid whoever signed it", [
    edit(KEY_RING, "      if (text === false) continue;\n", '      if (text === false) return signed.slice(0, signed.lastIndexOf("."));\n'),
  ]),
  byTestsOf("A5", KEY_RING_TEST, "the first secret alone verifies", [
    edit(KEY_RING, "    for (const secret of secrets) {", "    for (const secret of secrets.slice(0, 1)) {"),
  ]),
  byTestsOf("A6", COOKIES_TEST, "of two valid cookies the first is taken", [
    edit("src/adapters/http/cookie.ts", 'if (found !== undefined && found.id !== token.id) return { kind: "ambiguous" };', ""),
  ]),
  byTestsOf("A7", COOKIES_TEST, "a cookie is not sent again", [
    edit(
      REQUEST,
      "held.open.envelope.touchedAtMs - sentAtMs > held.lifeLeftMs / 2;",
      "held.open.envelope.touchedAtMs - sentAtMs > held.lifeLeftMs * 2;",
    ),
  ]),
  byTestsOf("A8", COOKIES_TEST, "every request is a use, whatever the application says", [
    edit(REQUEST, 'this.#isUse = opening.kind === "alive" && incoming.isUse;', 'this.#isUse = opening.kind === "alive";'),
  ]),
  byTestsOf("A9", OBJECT_TEST, "reload forgets nothing", [
    edit(REQUEST, "      held.open.reload();\n      held.forgetLife();\n", "      held.forgetLife();\n"),
  ]),
  byTestsOf("A10", OBJECT_TEST, "an inspected session shows its values", [
    edit("src/adapters/http/session.ts", 'return `Session { ${attributeNames(this[OWNER]).join(", ")} }`;', "return JSON.stringify(this);"),
  ]),
  byTestsOf("A11", LIFE_TEST, "a logout leaves the cookie", [
    edit(REQUEST, "if (this.#presented !== undefined && !this.#isFollowing) this.#clearing = overrides;", ""),
  ]),
  byTestsOf("A13", LIFE_TEST, "a new id does not end the old one", [
    edit(REQUEST, "else await this.#bounded(engine.rotate(old.key, fresh.key));", ""),
  ]),
  byTestsOf("A14", LIFE_TEST, "an id that was just rotated is like none", [
    edit(BEGIN, 'if (isRecent && result.reason === "rotated") return { kind: "rotated" };', ""),
  ]),
  byTestsOf("A15", LIFE_TEST, "a session that could not be loaded is none", [
    edit(
      BEGIN,
      '    return { kind: "unavailable", cause };\n',
      '    return cause === undefined ? { kind: "unavailable", cause } : MISSED;\n',
    ),
  ]),
  byTestsOf("A16", LIFE_TEST, "a session that was idle for long goes on", [
    edit("src/engine/verdict.ts", 'if (nowMs >= touchedAtMs + idleTimeoutMs) return "idle";', ""),
  ]),
  byTestsOf("A17", LIFE_TEST, "an object that is assigned is added", [
    edit(
      REQUEST,
      "for (const name of held.open.names()) if (name !== COOKIE_ATTRIBUTE && !Object.hasOwn(data, name)) held.open.delete(name);",
      "",
    ),
  ]),
  byTestsOf("A18", KEY_RING_TEST, "a secret may be empty", [edit(KEY_RING, "if (bytes === 0)", "if (bytes < 0)")]),
  byTestsOf("A19", "test/integration/adapters/error-path.test.ts", "the headers do not wait for the commit", [
    edit(
      GATE,
      "        return this.#afterCommit(false, method, args);",
      '        this.#phase = "passing";\n        void this.#keeper.commit();\n        return this.#pass(method, args);',
    ),
  ]),
  byTestsOf("A20", RESPONSES_TEST, "what was held goes out the other way round", [
    edit(
      "src/adapters/http/held-response.ts",
      "for (const { method, args } of this.#calls) {\n      const result",
      "for (const { method, args } of this.#calls.toReversed()) {\n      const result",
    ),
  ]),
  byTestsOf("A23", RESPONSES_TEST, "what is written after the headers is kept by nobody", [
    edit(GATE, "          return this.#afterCommit(true, method, args);\n", "          return this.#pass(method, args);\n"),
  ]),
  byTestsOf("A26", "test/integration/adapters/cookie-object.test.ts", "what is set on the cookie of a session is forgotten", [
    edit("src/adapters/http/live-cookie.ts", "    this.#owner.overrideCookie({ [name]: value });\n", ""),
  ]),
  byTestsOf("A27", "test/integration/adapters/cookie-object.test.ts", "nobody is remembered for longer than a session lives", [
    edit(REQUEST, "if (held.wantedLifeMs !== undefined && this.#mayProlong(held)) return this.#prolong(held, held.wantedLifeMs);", ""),
  ]),
  byTestsOf("A28", "test/integration/adapters/rotation-grace.test.ts", "an id in its grace gets a cookie", [
    edit(REQUEST, "return !this.#isFollowing && !held.open.isNew && held.open", "return !held.open.isNew && held.open"),
    edit(
      REQUEST,
      "if (held === undefined || !this.#isUse || this.#isFollowing) return false;",
      "if (held === undefined || !this.#isUse) return false;",
    ),
  ]),
  byTestsOf("A31", RESOLVERS_TEST, "the last way of a chain wins", [
    edit(BEGIN, "for (const carrier of settings.carriers) {", "for (const carrier of [...settings.carriers].reverse()) {"),
  ]),
  byTestsOf("A32", RESOLVERS_TEST, "links of other sites may carry an id", [
    edit("src/adapters/http/carrier.ts", '(site !== undefined && site !== "same-origin")', '(site !== undefined && site === "")'),
  ]),
  byTestsOf("A33", "test/integration/node/upgrade.test.ts", "a request without a response has no session", [
    edit(BEGIN, "  return engine.openById(id);\n}", '  return id === "" ? engine.openById(id) : undefined;\n}'),
  ]),
  byTestsOf("A35", "test/integration/adapters/express-options.test.ts", "the option subject is not asked", [
    edit(REQUEST, "    held.open.setSubject(subject(held.object) ?? undefined);\n", ""),
  ]),
  byTestsOf("A55", "test/integration/node/session.test.ts", "on plain HTTP the headers do not wait for the commit", [
    edit(
      GATE,
      "        return this.#afterCommit(false, method, args);",
      '        this.#phase = "passing";\n        void this.#keeper.commit();\n        return this.#pass(method, args);',
    ),
  ]),
  byTestsOf("A50", "test/integration/koa/session-object.test.ts", "a session of Koa is never new", [
    edit("src/adapters/koa/exchange.ts", "this.#isNew = !requestSession.isFound;", "this.#isNew = false;"),
  ]),
  byTestsOf("A51", "test/integration/koa/options.test.ts", "with autoCommit: false everything is committed", [
    edit(
      "src/adapters/koa/exchange.ts",
      "return this.#settings.autoCommit ? this.#commit(false) : undefined;",
      "return this.#commit(false);",
    ),
  ]),
  byTestsOf("A52", "test/integration/koa/hooks.test.ts", "what valid says does not count", [
    edit("src/adapters/koa/exchange.ts", "if (valid(this.#context, value)) return;", "if (valid(this.#context, value) !== null) return;"),
  ]),
];
