import { edit, type SourceMutant } from "./mutant.ts";

/** The HTTP half, which the simulator's browsers stand in for: caught by the tests of the adapters, over real HTTP. */
export const ADAPTER_MUTANTS: readonly SourceMutant[] = [
  {
    name: "Set-Cookie goes by the verdict of when the request began",
    laws: ["A12"],
    guard: "R3",
    edits: [
      edit(
        "src/adapters/http/request-session.ts",
        'held.open.envelope.successor === undefined && held.open.verdict() !== "ended";',
        "held.open.envelope.successor === undefined;",
      ),
    ],
    test: {
      project: "integration",
      file: "test/integration/adapters/life-cycle.test.ts",
      title: "that overlaps a logout revives nothing and sends no cookie",
    },
  },
  {
    name: "all processes tell their commits in one slot",
    laws: ["RW7"],
    edits: [
      edit("src/adapters/http/version-token.ts", "const slot = SLOTS[(writer + step) % WRITER_SLOT_COUNT];", "const slot = SLOTS[0];"),
    ],
    test: { project: "unit", file: "src/adapters/http/version-token.test.ts", title: "[RW7] have their writer's place" },
  },
];
