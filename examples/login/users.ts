import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

export interface User {
  readonly id: string;
  readonly name: string;
}

const hash = promisify<string, Buffer, number, Buffer>(scrypt);

/** A database would hold these. */
const users = [await account("1", "ann", "wonderland"), await account("2", "bob", "builder")];

export function findUser(id: string): User | undefined {
  return users.find((user) => user.id === id);
}

/** The user of that name and password. Takes as long for a name that nobody has. */
export async function verifyPassword(name: string, password: string): Promise<User | undefined> {
  const user = users.find((each) => each.name === name);
  const { salt, passwordHash } = user ?? { salt: Buffer.alloc(16), passwordHash: Buffer.alloc(32) };
  return timingSafeEqual(await hash(password, salt, 32), passwordHash) ? user : undefined;
}

async function account(id: string, name: string, password: string) {
  const salt = randomBytes(16);
  return { id, name, salt, passwordHash: await hash(password, salt, 32) };
}
