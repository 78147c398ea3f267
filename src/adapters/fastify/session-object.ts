import { SessionError } from "../../engine/index.ts";
import { OWNER, SessionPrototype, settle, surfaceOf } from "../http/index.ts";
import type { CookieOptions, RegenerateOptions, Session, SessionCallback, SessionOwner } from "../http/index.ts";

/** What `request.session` has besides attributes: the methods of @fastify/session, each with a callback or as a promise, and ours. */
export interface FastifySessionMethods extends Session {
  /** The bearer secret of the cookie; `id` by the name that @fastify/session has for it. */
  readonly sessionId: string;
  /** The id, signed as the cookie has it: for `fastify.decryptSession`. As secret as the cookie. */
  readonly encryptedSessionId: string;
  /** Commits what was written so far, and waits until it is stored; also begins a session that has no attributes yet. */
  save(): Promise<void>;
  save(callback: SessionCallback): this;
  /**
   * A new id; the old one is over before this resolves. Call it whenever somebody logs in. The attributes in the list go on (or those that
   * `keep` says), the others do not.
   */
  regenerate(keep?: readonly string[] | RegenerateOptions): Promise<void>;
  regenerate(callback: SessionCallback): this;
  regenerate(keep: readonly string[] | RegenerateOptions, callback: SessionCallback): this;
  /** What the cookie of this session says instead of the option `cookie`, from this response on; the same as setting `cookie`. */
  options(options: CookieOptions): void;
  /** Whether this request changed anything that is not committed yet. */
  isModified(): boolean;
  /** Whether `save` of this request stored it. */
  isSaved(): boolean;
}

const saved = new WeakSet<SessionOwner>();

class FastifySessionPrototype extends SessionPrototype {
  get sessionId(): string {
    return this[OWNER].id;
  }

  get encryptedSessionId(): string {
    return this[OWNER].signedId();
  }

  /** Attributes, and what else the session has by this name; of what every object has, nothing. */
  get(name: string): unknown {
    const owner = this[OWNER];
    const value = OWN_NAMES.has(name) ? undefined : owner.attributes?.get(name);
    if (value !== undefined || !OWN_NAMES.has(name)) return value;
    return Reflect.get(this, name);
  }

  set(name: string, value: unknown): void {
    Reflect.set(this, name, value);
  }

  options(options: CookieOptions): void {
    checkEncode(options, "session.options()");
    this[OWNER].setCookie(options);
  }

  isModified(): boolean {
    return this[OWNER].attributes?.isModified() === true;
  }

  isSaved(): boolean {
    return saved.has(this[OWNER]);
  }

  override save(): Promise<void>;
  override save(callback: SessionCallback): this;
  override save(callback?: SessionCallback): Promise<void> | this {
    return settle(this, save(this[OWNER]), callback);
  }

  override reload(): Promise<void>;
  override reload(callback: SessionCallback): this;
  override reload(callback?: SessionCallback): Promise<void> | this {
    return settle(this, reload(this[OWNER]), callback);
  }

  override regenerate(keep?: readonly string[] | RegenerateOptions): Promise<void>;
  override regenerate(callback: SessionCallback): this;
  override regenerate(keep: readonly string[] | RegenerateOptions, callback: SessionCallback): this;
  override regenerate(first?: readonly string[] | RegenerateOptions | SessionCallback, second?: SessionCallback): Promise<void> | this {
    const callback = typeof first === "function" ? first : second;
    return settle(this, this[OWNER].regenerate(rotationOptions(first)), callback);
  }
}

/** The session object of this framework. */
export const FASTIFY_SURFACE = surfaceOf(FastifySessionPrototype);

const OWN_NAMES = FASTIFY_SURFACE.reserved;

/** @throws SessionError OPTION_INVALID: what a cookie says must be the same on every node, and a function cannot be told to others. */
export function checkEncode(options: object, where: string): void {
  if ("encode" in options && options.encode !== undefined)
    throw new SessionError("OPTION_INVALID", `${where}: leave encode out; the id needs no encoding, and is read back as it is.`);
}

async function save(owner: SessionOwner): Promise<void> {
  await owner.save({ evenIfEmpty: true });
  if (owner.attributes?.isNew === false) saved.add(owner);
}

/** As in @fastify/session, one that nothing was ever saved of is empty afterwards, and no error. */
async function reload(owner: SessionOwner): Promise<void> {
  if (owner.attributes?.isNew === true && owner.closedBy === undefined) owner.attributes.reload();
  else await owner.reload();
}

function rotationOptions(given: readonly string[] | RegenerateOptions | SessionCallback | undefined): RegenerateOptions {
  if (given === undefined || typeof given === "function") return {};
  return isList(given) ? { keep: given } : given;
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}
