import { SessionError } from "../engine/index.ts";

/** One spelling for each address. @throws SessionError OPTION_INVALID */
export function addressOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (
    url === undefined ||
    (url.protocol !== "ws:" && url.protocol !== "wss:") ||
    url.hash !== "" ||
    url.username !== "" ||
    url.password !== ""
  ) {
    throw new SessionError(
      "OPTION_INVALID",
      "a relay's address must look like ws://127.0.0.1:7411 or wss://relay.example, without user or fragment",
    );
  }
  return url.href;
}
