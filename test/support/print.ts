/** One line for whoever reads this process's output. Pipes are written to at once: what the other side has read, had been printed. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
