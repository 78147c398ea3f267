import { encodeAck } from "../../src/sync/messages/ack.ts";
import { encodeAskState } from "../../src/sync/messages/ask-state.ts";
import { encodeChallenge } from "../../src/sync/messages/challenge.ts";
import { encodeChangeMessage } from "../../src/sync/messages/change.ts";
import { encodeClaim } from "../../src/sync/messages/claim.ts";
import { encodeClaimed } from "../../src/sync/messages/claimed.ts";
import { encodeCompaction } from "../../src/sync/messages/compaction.ts";
import { encodeDigest } from "../../src/sync/messages/digest.ts";
import { encodeDrain } from "../../src/sync/messages/drain.ts";
import { encodeEnd } from "../../src/sync/messages/end.ts";
import { encodeFetch } from "../../src/sync/messages/fetch.ts";
import { encodeFetched } from "../../src/sync/messages/fetched.ts";
import { encodeHello } from "../../src/sync/messages/hello.ts";
import type { Frame } from "../../src/sync/messages/index.ts";
import { encodePing } from "../../src/sync/messages/ping.ts";
import { encodePong } from "../../src/sync/messages/pong.ts";
import { encodeRevoke } from "../../src/sync/messages/revoke.ts";
import { encodeState } from "../../src/sync/messages/state.ts";
import { encodeStatus } from "../../src/sync/messages/status.ts";
import { encodeTouch } from "../../src/sync/messages/touch.ts";
import { encodeUnwatch } from "../../src/sync/messages/unwatch.ts";
import { encodeWatch } from "../../src/sync/messages/watch.ts";
import { encodeWelcome } from "../../src/sync/messages/welcome.ts";

/** A kind that is forgotten here does not compile. */
const ENCODERS: { readonly [Kind in Frame["kind"]]: (frame: Frame & { kind: Kind }) => Uint8Array } = {
  challenge: encodeChallenge,
  hello: encodeHello,
  welcome: encodeWelcome,
  ping: encodePing,
  pong: encodePong,
  watch: encodeWatch,
  unwatch: encodeUnwatch,
  fetch: encodeFetch,
  fetched: encodeFetched,
  state: encodeState,
  change: encodeChangeMessage,
  touch: encodeTouch,
  end: encodeEnd,
  ack: encodeAck,
  "ask-state": encodeAskState,
  digest: encodeDigest,
  revoke: encodeRevoke,
  claim: encodeClaim,
  claimed: encodeClaimed,
  status: encodeStatus,
  compaction: encodeCompaction,
  drain: encodeDrain,
};

export const FRAME_KINDS = Object.keys(ENCODERS) as readonly Frame["kind"][];

export function encodeFrame(frame: Frame): Uint8Array {
  const encode = ENCODERS[frame.kind] as (frame: Frame) => Uint8Array;
  return encode(frame);
}
