/**
 * Loaded before each program of the demo (`node --import`), so that none is left over: the channel to the parent closes when the parent
 * ends, even by `kill -9`. Started by hand, without a parent, a program does not notice.
 */
process.once("disconnect", () => process.exit());
