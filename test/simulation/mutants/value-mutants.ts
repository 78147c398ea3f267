import { byTestsOf, edit, type SourceMutant } from "./mutant.ts";

const DIFFERENCE = "src/engine/difference.ts";
const DIFFERENCE_TEST = "src/engine/difference.test.ts";
const MERGE_TYPES_TEST = "test/property/merge-types.property.test.ts";

/** What a request's change becomes, and what may be stored: laws about one process, which no world is needed for. */
export const VALUE_MUTANTS: readonly SourceMutant[] = [
  byTestsOf("D5", DIFFERENCE_TEST, "the first object at a place has an id of its own", [
    edit(
      DIFFERENCE,
      "this.#fill(place, kind, value, this.#derivedId(place.containerId, place.property, kind, seen), type);",
      "this.#fill(place, kind, value, seen < 0 ? place.containerId : this.#cells.freshContainerId(), type);",
    ),
  ]),
  byTestsOf("D6", DIFFERENCE_TEST, "what replaces an object is called as the first one was", [
    edit(
      DIFFERENCE,
      "this.#fill(place, kind, value, this.#cells.freshContainerId(), type);",
      "this.#fill(place, kind, value, this.#derivedId(place.containerId, place.property, kind, 0), type);",
    ),
  ]),
  byTestsOf("D7", DIFFERENCE_TEST, "a unit that is an object merges like any other", [
    edit(DIFFERENCE, '} else if (type.kind === "register") {', '} else if (type.kind === "register" && typeof value !== "object") {'),
  ]),
  byTestsOf("D17", MERGE_TYPES_TEST, "an element of a set is called by who added it", [
    edit(
      DIFFERENCE,
      "const property = memberProperty(this.#context.sha256, element);",
      "const property = memberProperty(this.#context.sha256, [element, this.#context.writer]);",
    ),
  ]),
  byTestsOf("D18", MERGE_TYPES_TEST, "a map is written whole", [
    edit(DIFFERENCE, 'if (type.kind === "map" || this.#isSame(base, value)', "if (this.#isSame(base, value)"),
  ]),
  byTestsOf("D19", MERGE_TYPES_TEST, "of a counter the last addition of a process counts alone", [
    edit(DIFFERENCE, "this.#context.counterPart(containerId, part) + change", "change"),
  ]),
  byTestsOf("D20", MERGE_TYPES_TEST, "what is found under a declaration is replaced", [
    edit(
      DIFFERENCE,
      "return kind !== undefined && isDeclared(type, kind) && this.#kindOf(found ?? null, type) === kind ? kind : undefined;",
      "return kind !== undefined && isDeclared(type, kind) && found === undefined ? kind : undefined;",
    ),
  ]),
  byTestsOf("D21", "src/engine/attributes/expiry.test.ts", "what expires does so counted from the birth of its session", [
    edit("src/engine/working-copy.ts", "stampMs(stamp) + Math.ceil(ttlMs)", "0 * stampMs(stamp) + Math.ceil(ttlMs)"),
  ]),
  byTestsOf("D22", "src/engine/attributes/expiry.test.ts", "a change inside what is gone by now extends its life", [
    edit(
      "src/engine/working-copy.ts",
      "const isInside = base instanceof ContainerNode && now instanceof ContainerNode && base.id === now.id;",
      "const isInside = base instanceof ContainerNode;",
    ),
  ]),
  byTestsOf("D23", "src/engine/attributes/local.test.ts", "what is local is written with the rest", [
    edit(
      "src/engine/working-copy.ts",
      "const isLocal = this.#schema.isLocal(name);",
      'const isLocal = this.#schema.isLocal(name) && name === "";',
    ),
  ]),
  byTestsOf("W1", DIFFERENCE_TEST, "what is changed in place is replaced", [
    edit(
      DIFFERENCE,
      'if (type.kind === "map" || this.#isSame(base, value) || this.#isMerging(base, value)) {',
      'if (type.kind === "map" || this.#isMerging(base, value)) {',
    ),
  ]),
  byTestsOf("W2", DIFFERENCE_TEST, "an object and an array that are first at one place are one", [
    edit(
      "src/engine/containers.ts",
      "`d\\0${parentId}\\0${property}\\0${kind}\\0${place}`",
      "`d\\0${parentId}\\0${property}\\0${kind < 0}\\0${place}`",
    ),
  ]),
  byTestsOf("W3", "src/engine/array-difference.test.ts", "an element that moved is taken for another", [
    edit(
      "src/engine/array-difference.ts",
      "const oldPlace = leftovers[newNumbers[newPlace] as number]?.pop();",
      "const oldPlace = leftovers[-1 - (newNumbers[newPlace] as number)]?.pop();",
    ),
  ]),
  byTestsOf("W4", DIFFERENCE_TEST, "an object that only adds replaces the one before", [
    edit(DIFFERENCE, "return common === base.entries.size || common === Object.keys(value).length;", "return common < 0;"),
  ]),
  byTestsOf("W5", DIFFERENCE_TEST, "an object that adds and removes merges", [
    edit(DIFFERENCE, "return common === base.entries.size || common === Object.keys(value).length;", "return true;"),
  ]),
  byTestsOf("W6", DIFFERENCE_TEST, "an element that is taken out stays, for whoever changed it", [
    edit(DIFFERENCE, "for (const index of match.removed) this.#cells", "for (const index of match.removed.slice(1)) this.#cells"),
  ]),
  byTestsOf("W7", DIFFERENCE_TEST, "an object that was handed out is the same one wherever it is put", [
    edit(DIFFERENCE, "this.#origins.get(value) === entry;", "this.#origins.has(value);"),
  ]),
  byTestsOf("W8", "test/property/difference.property.test.ts", "properties that are left out of an object stay", [
    edit(
      DIFFERENCE,
      "if (!Object.hasOwn(value, name)) this.#cells.putRemoval(namedPlace(base.id, name));\n      else this.compare(",
      "if (Object.hasOwn(value, name)) this.compare(",
    ),
  ]),
  byTestsOf("W9", "src/engine/working-copy.test.ts", "a value that is what it was is written again", [
    edit(DIFFERENCE, "if (!equalValues(base.content ?? null, value)) {", "if (base !== undefined) {"),
    edit(
      "src/engine/working-copy.ts",
      "if (!isUntouched(this.#entryOf(name), value)) return true;",
      "if (value !== undefined || this.#entryOf(name) !== undefined) return true;",
    ),
    edit("src/engine/working-copy.ts", "      if (isUntouched(entry, value)) continue;\n", "      if (entry === value) continue;\n"),
  ]),
  byTestsOf("W10", MERGE_TYPES_TEST, "elements are compared as if they were not declared", [
    edit(
      DIFFERENCE,
      "return type.of !== undefined && isDeclared(type, kind) ? type.of : UNDECLARED;",
      "return type.of !== undefined && kind < 0 ? type.of : UNDECLARED;",
    ),
  ]),
  byTestsOf("V1", "src/engine/value-codec.test.ts", "a BigInt loses its sign", [
    edit("src/engine/value-codec.ts", "BIGINT, value.toString(16)]", "BIGINT, (value < 0n ? -value : value).toString(16)]"),
  ]),
  byTestsOf("V2", "src/engine/values.test.ts", "NaN is stored as it is", [
    edit("src/engine/values.ts", "return Number.isFinite(value) ? value + 0 : null;", "return value + 0;"),
  ]),
  byTestsOf("V3", "src/engine/value-codec.test.ts", "bytes may name any property", [
    edit(
      "src/engine/value-codec.ts",
      "if (nameFault(name, limits) !== undefined || Object.hasOwn(object, name))",
      "if (Object.hasOwn(object, name))",
    ),
  ]),
  byTestsOf("V4", "src/engine/values.test.ts", "an attribute may be called __proto__", [
    edit("src/engine/values.ts", 'if (name === "__proto__" || name === "constructor"', 'if (name === "constructor"'),
  ]),
  byTestsOf("V5", "src/engine/limits.test.ts", "there may be one attribute too many", [
    edit("src/engine/working-copy.ts", "count > limits.attributeCount) {", "count > limits.attributeCount + 1) {"),
  ]),
  byTestsOf("V6", "src/engine/limits.test.ts", "an error shows the value that is too large", [
    edit(
      "src/engine/working-copy.ts",
      "`${name} is larger than limits.valueBytes (",
      "`${name} (${JSON.stringify(plain)}) is larger than limits.valueBytes (",
    ),
  ]),
];
