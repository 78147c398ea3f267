/**
 * The import rules of ARCHITECTURE.md ("Folders"), as errors.
 * Tests beside their source (*.test.ts) may import any file; everything else obeys.
 */

const ENGINE = "^src/engine/";
const RUNTIME = "^src/runtime/";
const STORAGE = "^src/storage/";
const SYNC = "^src/sync/";
const HTTP = "^src/adapters/http/";
const TEST = "\\.test\\.ts$";

/** What a folder may import besides itself; whatever is not named is refused. Frameworks: as types only, see below. */
const ALLOWED = [
  { name: "engine", path: ENGINE, folders: [], packages: ["yjs", "lib0", "fractional-indexing"], node: false },
  { name: "runtime", path: RUNTIME, folders: [ENGINE, STORAGE], packages: [], types: ["@opentelemetry/api"], node: true },
  { name: "storage", path: STORAGE, folders: [ENGINE], packages: ["lmdb"], node: true },
  { name: "sync", path: SYNC, folders: [ENGINE], packages: ["ws", "lib0"], node: true },
  { name: "http", path: HTTP, folders: [ENGINE, RUNTIME], packages: ["cookie", "cookie-signature"], node: true },
  {
    name: "express",
    path: "^src/adapters/express/",
    folders: [HTTP, ENGINE, RUNTIME],
    packages: [],
    types: ["express", "express-session"],
    node: true,
  },
  {
    name: "fastify",
    path: "^src/adapters/fastify/",
    folders: [HTTP, ENGINE, RUNTIME],
    packages: [],
    types: ["fastify", "@fastify/session"],
    node: true,
  },
  { name: "koa", path: "^src/adapters/koa/", folders: [HTTP, ENGINE, RUNTIME], packages: [], types: ["koa"], node: true },
  { name: "node", path: "^src/adapters/node/", folders: [HTTP, ENGINE, RUNTIME], packages: [], node: true },
  {
    name: "relay",
    path: "^src/relay/",
    folders: [SYNC, RUNTIME, ENGINE, STORAGE, "^src/metrics/"],
    packages: ["commander", "pino", "smol-toml", "prom-client"],
    node: true,
  },
  { name: "metrics", path: "^src/metrics/", folders: [ENGINE], packages: ["prom-client"], node: false },
  { name: "testing", path: "^src/testing/", folders: [HTTP, ENGINE, RUNTIME, SYNC], packages: [], node: true },
  { name: "root", path: "^src/index\\.ts$", folders: [ENGINE, RUNTIME, STORAGE], packages: [], node: false },
];

/** A package, by where it is found, or by its name where it is not installed. */
const packagePath = (name) => `((^|/)node_modules/(@types/)?|^)${name}(/|$)`;

/** Erased by the compiler. */
const AS_TYPE = ["type-only", "type-import"];

/** Types that an adapter takes over where they are installed, and does without where not (TS2717: see its augmentation.ts). */
const PEER_TYPES = ["express-session", "@fastify/session"].map(packagePath);

const folderRules = ALLOWED.map(({ name, path, folders, packages, types = [], node }) => ({
  name: `${name}-imports`,
  comment: `src/${name}: something that it may not import (ARCHITECTURE.md, "Folders")`,
  severity: "error",
  from: { path, pathNot: TEST },
  to: {
    pathNot: [path, ...folders, ...[...packages, ...types].map(packagePath)],
    ...(node ? { dependencyTypesNot: ["core"] } : {}),
  },
}));

module.exports = {
  required: [
    {
      name: "simulation-of-the-replicator",
      comment: "The simulator's nodes are the shipped replicator",
      module: { path: "^test/simulation/members\\.ts$" },
      to: { path: "^src/sync/replicator\\.ts$" },
    },
    {
      name: "simulation-of-the-relay",
      comment: "The simulator's relays are the shipped core",
      module: { path: "^test/simulation/members\\.ts$" },
      to: { path: "^src/sync/relay-core\\.ts$" },
    },
  ],
  forbidden: [
    ...folderRules,
    {
      name: "known-folder",
      comment: "A new folder under src needs a row in ALLOWED above, and one in ARCHITECTURE.md",
      severity: "error",
      from: { path: "^src/", pathNot: [...ALLOWED.map((row) => row.path), TEST] },
      to: {},
    },
    {
      name: "frameworks-as-types-only",
      comment: "Frameworks and OpenTelemetry are optional peers: their types may be known, and they must not be loaded by an import",
      severity: "error",
      from: { path: "^src/", pathNot: TEST },
      to: {
        path: [...["express", "fastify", "koa", "@opentelemetry/api"].map(packagePath), ...PEER_TYPES],
        dependencyTypesNot: AS_TYPE,
        couldNotResolve: false,
      },
    },
    {
      name: "only-through-the-index",
      comment: "From outside a folder, import its index.ts",
      severity: "error",
      from: { path: "^src/([^/]+/)", pathNot: ["^src/adapters/", TEST] },
      to: { path: "^src/[^/]+/", pathNot: ["^src/$1", "^src/[^/]+/index\\.ts$", "^src/(adapters|storage)/[^/]+/index\\.ts$"] },
    },
    {
      name: "only-through-the-index-adapters",
      comment: "From outside a folder, import its index.ts",
      severity: "error",
      from: { path: "^src/adapters/([^/]+)/", pathNot: TEST },
      to: { path: "^src/[^/]+/", pathNot: ["^src/adapters/$1/", "^src/[^/]+/index\\.ts$", "^src/(adapters|storage)/[^/]+/index\\.ts$"] },
    },
    {
      name: "only-through-the-index-outside",
      comment: "The root, the examples and the benchmarks see what users see: index.ts files",
      severity: "error",
      from: { path: ["^src/[^/]+\\.ts$", "^examples/", "^bench/"], pathNot: TEST },
      to: { path: "^src/[^/]+/", pathNot: ["^src/[^/]+/index\\.ts$", "^src/(adapters|storage)/[^/]+/index\\.ts$"] },
    },
    {
      name: "product-never-imports-tests",
      severity: "error",
      from: { path: "^(src|examples|bench|scripts)/", pathNot: TEST },
      to: { path: ["^test/", TEST] },
    },
    {
      name: "simulation-of-what-ships",
      comment: "The simulator runs the shipped replicator and relay: replication made by hand for other tests has no place in it",
      severity: "error",
      from: { path: "^test/simulation/" },
      to: { path: ["^test/support/(engine-network|set-replica|relay-holder|raw-peer)\\.ts$", "^src/testing/replication/"] },
    },
    {
      name: "no-second-replicator",
      comment:
        "What replicates is src/sync. Doubles for tests: test/support/engine-network.ts and the replica of the kit, and nobody else's",
      severity: "error",
      from: {
        path: "^(src|test|examples|bench|scripts)/",
        pathNot: ["^src/(engine|sync)/", "^test/support/(engine-network|relay-holder)\\.ts$", TEST, "^test/simulation/"],
      },
      to: { path: "^src/engine/replication\\.ts$" },
    },
    {
      name: "no-circular",
      comment: "Types may refer to each other: a cycle that is erased is none",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: AS_TYPE } },
    },
    {
      name: "no-development-package",
      comment: "What is shipped may only need what is installed with it (types are erased)",
      severity: "error",
      from: { path: "^src/", pathNot: TEST },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: [...AS_TYPE, "npm", "npm-peer"] },
    },
    {
      name: "not-to-unresolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: PEER_TYPES },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".js", ".mjs", ".cjs", ".d.ts", ".json"],
      mainFields: ["module", "main", "types"],
    },
  },
};
