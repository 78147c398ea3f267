import { SessionError } from "./errors.ts";
import type { OpenSession } from "./session-engine.ts";

/** The attributes of an open session as one object: mutate, spread, list or delete them as of any object. */
export function draftOf(session: OpenSession): Record<string, unknown> {
  const write = (name: string | symbol, value: unknown): true => {
    if (typeof name === "symbol")
      throw new SessionError("ATTRIBUTE_NAME_REFUSED", "An attribute's name is a string; symbols cannot be stored.");
    if (value === undefined) session.delete(name);
    else session.set(name, value);
    return true;
  };
  const read = (name: string | symbol): unknown => (typeof name === "string" ? session.get(name) : undefined);
  return new Proxy<Record<string, unknown>>(
    {},
    {
      get: (_, name) => read(name),
      has: (_, name) => typeof name === "string" && session.has(name),
      set: (_, name, value) => write(name, value),
      deleteProperty: (_, name) => write(name, undefined),
      ownKeys: () => session.names(),
      getOwnPropertyDescriptor: (_, name) => {
        const value = read(name);
        return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
      },
      defineProperty: (_, name, descriptor) => {
        if (!("value" in descriptor))
          throw new SessionError("VALUE_REFUSED", "An attribute cannot be a getter or setter: assign a value to it.");
        return write(name, descriptor.value);
      },
      preventExtensions: () => false,
      setPrototypeOf: () => false,
    },
  );
}
