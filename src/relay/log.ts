import { type Logger, pino } from "pino";
import type { LogLevel } from "./settings.ts";

/** One line for an operator: never a session's id, key or value, nor a secret. Without `level`: info. */
export type RelayLog = (line: string, level?: Exclude<LogLevel, "silent">) => void;

/**
 * JSON lines on stderr, as `{"level":"info","time":"2026-01-31T12:00:00.000Z","msg":"…"}`. Written at once: what a process says before it
 * ends must be there.
 */
export function jsonLog(level: LogLevel): RelayLog {
  const logger: Logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ fd: 2, sync: true }),
  );
  return (line, at = "info") => logger[at](line);
}
