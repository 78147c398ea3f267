import { ByteReader, SessionError } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { ACK, decodeAck, type Ack } from "./ack.ts";
import { ASK_STATE, decodeAskState, type AskState } from "./ask-state.ts";
import { CHALLENGE, decodeChallenge, type Challenge } from "./challenge.ts";
import { CHANGE, decodeChangeMessage, type ChangeMessage } from "./change.ts";
import { COMPACTION, decodeCompaction, type Compaction } from "./compaction.ts";
import { decodeDigest, DIGEST, type Digest } from "./digest.ts";
import { CLAIM, decodeClaim, type Claim } from "./claim.ts";
import { CLAIMED, decodeClaimed, type Claimed } from "./claimed.ts";
import { decodeDrain, DRAIN, type Drain } from "./drain.ts";
import { decodeEnd, END, type EndMessage } from "./end.ts";
import { decodeFetch, FETCH, type Fetch } from "./fetch.ts";
import { decodeFetched, FETCHED, type Fetched } from "./fetched.ts";
import { decodeHello, HELLO, type Hello } from "./hello.ts";
import { decodePing, PING, type Ping } from "./ping.ts";
import { decodePong, PONG, type Pong } from "./pong.ts";
import { decodeRevoke, REVOKE, type Revoke } from "./revoke.ts";
import { decodeState, STATE, type State } from "./state.ts";
import { decodeStatus, STATUS, type Status } from "./status.ts";
import { decodeTouch, TOUCH, type Touch } from "./touch.ts";
import { decodeUnwatch, UNWATCH, type Unwatch } from "./unwatch.ts";
import { decodeWatch, WATCH, type Watch } from "./watch.ts";
import { decodeWelcome, WELCOME, type Welcome } from "./welcome.ts";

/*
 * The protocol's table of contents. A frame is one binary WebSocket message: `[u8 type][fields]`.
 *
 * "Node" is who dialed: a node, or a relay, which says so in its hello and then is a peer in all that follows.
 *
 * | type | message | from | in answer to |
 * | --- | --- | --- | --- |
 * | 1 | challenge | relay | the connection |
 * | 2 | hello | node | challenge |
 * | 3 | welcome | relay | hello |
 * | 4, 5 | ping, pong | node, relay | the heartbeat's timer, ping |
 * | 16, 17 | watch, unwatch | node | a session that is held, and all after a reconnect |
 * | 18, 19 | fetch, fetched | node, relay | a miss, fetch |
 * | 20 | state | both | a new session, ask-state, a watch or digest that differs, a state that holds less |
 * | 21 | change | both | a commit |
 * | 22 | touch | both | |
 * | 23 | end | both | a logout or a late change |
 * | 24 | ack | relay | the numbered frames: state, change, end, revoke |
 * | 25 | ask-state | both | a change that cannot be applied, a watch or digest of what is not held |
 * | 26 | digest | both | every second while all is quiet, and after frames were dropped |
 * | 27 | revoke | both | `revokeAll`, a join, a digest that differs |
 * | 28, 29 | claim, claimed | node, relay | `claim` and `once`, claim |
 * | 30 | status | relay | what its answers are worth has changed |
 * | 31 | drain | both | it stops |
 * | 32 | compaction | both | a session was compacted |
 *
 * Before `welcome` only the first three are valid, in that order.
 */

export type Frame =
  | Challenge
  | Hello
  | Welcome
  | Ping
  | Pong
  | Watch
  | Unwatch
  | Fetch
  | Fetched
  | State
  | ChangeMessage
  | Touch
  | EndMessage
  | Ack
  | AskState
  | Digest
  | Revoke
  | Claim
  | Claimed
  | Status
  | Compaction
  | Drain;

/** Bytes of the largest frame that is sent or received: four times the largest session that the default limits allow, and its header. */
export const FRAME_BYTES_MAX = 1024 * 1024 + 4096;

/** Bytes of the largest frame before the greeting is over (SEC-42). */
export const GREETING_BYTES_MAX = 4096;

/**
 * @throws ProtocolError `malformed`: a type that this version does not have, broken fields, bytes after the end. Nothing else.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  try {
    const reader = new ByteReader(bytes);
    const decode = DECODERS.get(reader.u8());
    if (decode === undefined) throw new ProtocolError("malformed", "a frame has a type that this version does not have");
    const frame = decode(reader);
    reader.finish();
    return frame;
  } catch (error) {
    if (error instanceof SessionError && error.code === "RECORD_CORRUPT")
      throw new ProtocolError("malformed", error.message, { cause: error });
    throw error;
  }
}

const DECODERS = new Map<number, (reader: ByteReader) => Frame>([
  [CHALLENGE, decodeChallenge],
  [HELLO, decodeHello],
  [WELCOME, decodeWelcome],
  [PING, decodePing],
  [PONG, decodePong],
  [WATCH, decodeWatch],
  [UNWATCH, decodeUnwatch],
  [COMPACTION, decodeCompaction],
  [FETCH, decodeFetch],
  [FETCHED, decodeFetched],
  [STATE, decodeState],
  [CHANGE, decodeChangeMessage],
  [TOUCH, decodeTouch],
  [END, decodeEnd],
  [ACK, decodeAck],
  [ASK_STATE, decodeAskState],
  [DIGEST, decodeDigest],
  [REVOKE, decodeRevoke],
  [CLAIM, decodeClaim],
  [CLAIMED, decodeClaimed],
  [STATUS, decodeStatus],
  [DRAIN, decodeDrain],
]);
