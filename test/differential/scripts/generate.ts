import type { Framework, Operation, Script, Step } from "../script.ts";

/** The same scripts for the same seed: mulberry32. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }
}

const NAMES = ["a", "b", "cart", "user"] as const;
const VALUES: readonly unknown[] = [0, 1, "x", true, null, [1, 2], { k: 1 }, { k: { l: [1] } }, ""];
const COOKIES: readonly NonNullable<Step["cookies"]>[] = [
  () => "",
  (_, name) => `${name}=garbage`,
  (held) => held.replace(/.$/, (last) => (last === "A" ? "B" : "A")),
  (held) => `${held}; other=1`,
];

type Draw = (dice: Dice) => Operation;

const WRITES: readonly Draw[] = [
  (dice) => ["set", dice.of(NAMES), dice.of(VALUES)],
  (dice) => ["set", dice.of(NAMES), dice.below(3)],
  (dice) => ["delete", dice.of(NAMES)],
  (dice) => ["increment", `n${dice.below(2)}`],
  (dice) => ["push", `list${dice.below(2)}`, dice.of(VALUES)],
  (dice) => ["nest", `object${dice.below(2)}`, dice.of(NAMES), dice.of(VALUES)],
];
const READS: readonly Draw[] = [() => ["see"], () => ["json"], () => ["id"], (dice) => ["get", dice.of(NAMES)], () => ["none?"]];
const LIVES: Readonly<Record<Framework, readonly Draw[]>> = {
  express: [
    () => ["save"],
    () => ["regenerate"],
    () => ["destroy"],
    () => ["reload"],
    () => ["touch"],
    (dice) => ["maxAge", 30_000 + dice.below(3) * 60_000],
  ],
  fastify: [
    () => ["save"],
    () => ["regenerate"],
    () => ["destroy"],
    () => ["reload"],
    () => ["touch"],
    (dice) => ["keep", [dice.of(NAMES)]],
  ],
  koa: [
    () => ["save"],
    () => ["regenerate"],
    () => ["destroy"],
    (dice) => ["replace", { [dice.of(NAMES)]: dice.of(VALUES) }],
    () => ["commit"],
  ],
};
const ANSWERS: readonly Draw[] = [
  () => ["throw"],
  () => ["throw-status", 422],
  () => ["redirect", "/next"],
  () => ["status", 201],
  () => ["stream", [["see"]]],
  () => ["empty"],
  () => ["own-cookie", "theme=dark; Path=/"],
];
const OPTIONS: Readonly<Record<Framework, readonly Readonly<Record<string, unknown>>[]>> = {
  express: [
    {},
    {},
    { saveUninitialized: true },
    { rolling: true },
    { cookie: { secure: false, sameSite: "lax", maxAge: 60_000 } },
    { unset: "destroy" },
  ],
  fastify: [{}, {}, { saveUninitialized: true }, { rolling: true }, { cookie: { secure: false, sameSite: "lax", maxAge: 60_000 } }],
  koa: [{}, {}, { rolling: true }, { maxAge: 60_000 }, { renew: true, maxAge: 60_000 }],
};

/** `count` scripts of a framework, the same for the same seed. */
export function generatedScripts(framework: Framework, seed: number, count: number): readonly Script[] {
  return Array.from({ length: count }, (_, index) => {
    const dice = new Dice(seed * 7_919 + index * 104_729 + framework.length);
    const steps = Array.from({ length: 3 + dice.below(4) }, () => drawStep(dice, framework));
    const options = dice.of(OPTIONS[framework]);
    return { name: `generated ${seed}.${index}`, framework, options, steps: [...steps, { do: [["id"], ["see"]] }] };
  });
}

function drawStep(dice: Dice, framework: Framework): Step {
  const operations: Operation[] = [];
  // Whose cookie is not kept changes nothing that only its cookie could tell.
  const isForgotten = dice.below(10) === 0;
  for (let count = dice.below(4); count >= 0; count -= 1) {
    const kind = dice.below(10);
    if (kind < 5) operations.push(dice.of(WRITES)(dice));
    else if (kind < 8 || isForgotten) operations.push(dice.of(READS)(dice));
    else {
      // A visitor who never wrote anything has no session here: that has scripts of its own, and would hide what else differs.
      operations.push(["set", "kept", dice.below(1_000)], dice.of(LIVES[framework])(dice), ["set", "late", dice.below(1_000)]);
    }
  }
  if (dice.below(3) === 0) operations.push(dice.of(ANSWERS)(dice));
  return {
    do: operations,
    ...(dice.below(12) === 0 ? { method: "POST" } : {}),
    ...(isForgotten ? { cookies: dice.of(COOKIES), isForgotten: true } : {}),
    ...(dice.below(6) === 0 ? { afterMs: 1_000 + dice.below(5) * 10_000 } : {}),
  };
}
