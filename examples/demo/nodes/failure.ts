export interface Failure {
  readonly status: number;
  readonly text: string;
}

/** What a visitor is told. Our errors say what to do next; of others, the details are for the terminal. */
export function failureOf(error: unknown): Failure {
  const status = error instanceof Error && "status" in error && typeof error.status === "number" ? error.status : 500;
  if (status < 500 || isSessionError(error)) return { status, text: `${(error as Error).message}\n` };
  console.error(error);
  return { status, text: "Something went wrong; the terminal in which the demo runs says what.\n" };
}

function isSessionError(error: unknown): boolean {
  return error instanceof Error && error.name === "SessionError";
}
