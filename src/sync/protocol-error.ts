import type { CloseReason } from "./messages/close-codes.ts";

/**
 * What a peer did against the protocol. Never leaves src/sync: the connection is closed with the code that `reason` names, and
 * counted. The message names the rule and never what was received.
 */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly reason: CloseReason;

  constructor(reason: CloseReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
