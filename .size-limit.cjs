// The core entry as an application bundles it: an ES module for Node, yjs and lib0 (which Yjs brings along) not counted.
module.exports = [
  {
    name: "core entry, without yjs and lib0",
    path: "dist/index.js",
    gzip: true,
    limit: "43 kB",
    ignore: ["yjs", "lib0", "node:*"],
    modifyEsbuildConfig: (config) => ({ ...config, format: "esm", platform: "node" }),
  },
];
