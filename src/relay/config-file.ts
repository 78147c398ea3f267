import { extname } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { type GivenSettings, isSettingName, SettingError, SETTINGS } from "./settings.ts";

/**
 * What a config file says: TOML (`.toml`) or JSON (`.json`), the names of the flags without dashes in front, as `listen = "127.0.0.1:7411"`
 * and `peer = ["ws://10.0.0.2:7411"]`. Names that are no setting are refused: a misspelt limit would silently not hold.
 * @throws SettingError
 */
export function readConfigFile(path: string, readFile: (path: string) => string): GivenSettings {
  const content = parsed(path, textOf(path, readFile));
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw new SettingError(`${path}: it must hold names and values, as listen = "127.0.0.1:7411"`);
  const settings: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(content)) {
    if (!isSettingName(name)) throw new SettingError(`${path}: ${nameHint(name)}`);
    settings[name] = valueOf(`${path}, ${name}`, value, SETTINGS[name].isList);
  }
  return settings;
}

function textOf(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (error) {
    throw new SettingError(`the config file cannot be read: ${error instanceof Error ? error.message : "unknown failure"}`, {
      cause: error,
    });
  }
}

function parsed(path: string, text: string): unknown {
  const kind = extname(path).toLowerCase();
  try {
    if (kind === ".json") return JSON.parse(text) as unknown;
    if (kind === ".toml") return parseToml(text);
  } catch (error) {
    // The parsers' messages quote what they read, which may be a secret in the wrong place.
    const where = error instanceof TomlError ? ` (line ${error.line}, column ${error.column})` : "";
    throw new SettingError(`${path}: it is no valid ${kind.slice(1).toUpperCase()}${where}`);
  }
  throw new SettingError(`${path}: the name of a config file must end in .toml or .json`);
}

function nameHint(name: string): string {
  if (name === "secret") return "a secret does not belong into a config file: name a file with secret-file, or set CONVERGE_SESSION_SECRET";
  return `${JSON.stringify(name.slice(0, 40))} is not a setting; there are ${Object.keys(SETTINGS).join(", ")}`;
}

function valueOf(where: string, value: unknown, isList: boolean): string | readonly string[] {
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  if (isList && Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new SettingError(`${where}: it must be a text${isList ? ", or a list of texts" : ", or a whole number"}`);
}
