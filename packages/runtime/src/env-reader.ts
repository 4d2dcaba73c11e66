import { AppError, type FieldProblem } from "@devmesh/models";
import { Secret } from "./secret.ts";

/** In the place of a default: the variable has none and must be given. */
export const required: unique symbol = Symbol("required");

type Required = typeof required;

/** In UTF-16 units, after trimming; both inclusive. */
export interface StringBounds {
  readonly minLength?: number;
  readonly maxLength?: number;
}

/** Both inclusive; any safe integer where there is none. */
export interface IntBounds {
  readonly min?: number;
  readonly max?: number;
}

/** Any length where there is none. */
export interface ListBounds {
  readonly maxItems?: number;
}

/** Any protocol where there is none. */
export interface UrlBounds {
  /** Without the colon, such as `["postgres", "postgresql"]`. */
  readonly protocols?: readonly string[];
}

/** Reads one variable: with a default or {@link required} there is always a value, with `undefined` it is optional. */
export interface ReadVariable<T, Bounds> {
  (name: string, fallback: T | Required, bounds?: Bounds): T;
  (name: string, fallback: undefined, bounds?: Bounds): T | undefined;
}

/**
 * Reads typed values out of the environment. A variable that is absent or empty has its default. A wrong one is
 * remembered, stands in with a harmless value, and makes {@link EnvReader.done} throw: so all problems come out at once.
 */
export interface EnvReader {
  readonly string: ReadVariable<string, StringBounds>;
  /** One of a closed set of words. */
  oneOf<T extends string>(name: string, fallback: T, allowed: readonly T[]): T;
  /** A whole number in decimal; bounds are inclusive. */
  readonly int: ReadVariable<number, IntBounds>;
  /** `true`, `1`, `yes`, `on` and their opposites, in any case. */
  readonly boolean: ReadVariable<boolean, undefined>;
  /** Comma-separated, trimmed, empty items dropped. */
  readonly list: ReadVariable<readonly string[], ListBounds>;
  /** An absolute URL, as it was written. One that carries a password belongs in {@link EnvReader.secretUrl}. */
  readonly url: ReadVariable<string, UrlBounds>;
  /** A text that no problem and no log shows. */
  readonly secret: ReadVariable<Secret, StringBounds>;
  readonly secretUrl: ReadVariable<Secret, UrlBounds>;
  /** Adds a problem that lies in several values together, such as an accept window longer than the lease. */
  refuse(name: string, message: string): void;
  /** @throws AppError `invalid_argument` that lists every problem by variable, value and bound, in `details` too. */
  done(): void;
}

const mask = "[secret]";

type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** Makes a reader over `env`, which is `process.env` in `main.ts` and a literal in a test. */
export function envReader(env: Readonly<Record<string, string | undefined>>): EnvReader {
  const problems: FieldProblem[] = [];
  const refuse = (name: string, message: string): void => void problems.push({ path: name, message });

  function read<T>(name: string, standIn: T, parse: (text: string) => Parsed<T>): T | undefined {
    const text = env[name]?.trim() ?? "";
    if (text === "") return undefined;
    const parsed = parse(text);
    if ("value" in parsed) return parsed.value;
    refuse(name, parsed.problem);
    return standIn;
  }

  function variable<T, Bounds>(
    standIn: T,
    parse: (text: string, bounds: Bounds | undefined) => Parsed<T>,
  ): ReadVariable<T, Bounds> {
    function readVariable(name: string, fallback: T | Required, bounds?: Bounds): T;
    function readVariable(name: string, fallback: undefined, bounds?: Bounds): T | undefined;
    function readVariable(name: string, fallback: T | Required | undefined, bounds?: Bounds): T | undefined {
      const value = read(name, standIn, (text) => parse(text, bounds));
      if (value !== undefined || fallback !== required) return value ?? (fallback as T | undefined);
      refuse(name, "is required");
      return standIn;
    }
    return readVariable;
  }

  return {
    string: variable("", parseString),
    oneOf: (name, fallback, allowed) => read(name, fallback, (text) => parseOneOf(text, allowed)) ?? fallback,
    int: variable(0, parseInteger),
    boolean: variable(false, parseBoolean),
    list: variable<readonly string[], ListBounds>([], parseList),
    url: variable("", parsePlainUrl),
    secret: variable(new Secret(""), (text, bounds) => toSecret(parseString(text, bounds, mask))),
    secretUrl: variable(new Secret(""), (text, bounds) => toSecret(parseUrl(text, bounds, mask))),
    refuse,
    done: () => {
      if (problems.length === 0) return;
      const listed = problems.map(({ path, message }) => `${path} ${message}`).join("; ");
      throw new AppError("invalid_argument", `environment: ${listed}`, { reason: "environment", details: problems });
    },
  };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function parseString(text: string, bounds: StringBounds = {}, shown = quote(text)): Parsed<string> {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = bounds;
  if (text.length < minLength) return { problem: `${shown} of ${text.length} characters is shorter than ${minLength}` };
  if (text.length > maxLength) return { problem: `${shown} of ${text.length} characters exceeds ${maxLength}` };
  return { value: text };
}

function parseOneOf<T extends string>(text: string, allowed: readonly T[]): Parsed<T> {
  const value = allowed.find((word) => word === text);
  return value === undefined ? { problem: `${quote(text)} is none of ${allowed.join(", ")}` } : { value };
}

function parseInteger(text: string, bounds: IntBounds = {}): Parsed<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = bounds;
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value)) return { problem: `${quote(text)} is no whole number` };
  if (value < min) return { problem: `${value} is below the minimum of ${min}` };
  if (value > max) return { problem: `${value} exceeds the limit of ${max}` };
  return { value };
}

function parseBoolean(text: string): Parsed<boolean> {
  const word = text.toLowerCase();
  if (["true", "1", "yes", "on"].includes(word)) return { value: true };
  if (["false", "0", "no", "off"].includes(word)) return { value: false };
  return { problem: `${quote(text)} is neither true nor false` };
}

function parseList(text: string, bounds: ListBounds = {}): Parsed<readonly string[]> {
  const { maxItems = Number.POSITIVE_INFINITY } = bounds;
  const value = text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  if (value.length > maxItems) return { problem: `list of ${value.length} items exceeds the limit of ${maxItems}` };
  return { value };
}

/** What holds an `@` may hold a password, and is not shown. */
function parsePlainUrl(text: string, bounds: UrlBounds | undefined): Parsed<string> {
  const shown = text.includes("@") ? mask : quote(text);
  const hasPassword = (URL.parse(text)?.password ?? "") !== "";
  return hasPassword ? { problem: `${shown} must not carry a password` } : parseUrl(text, bounds, shown);
}

function parseUrl(text: string, bounds: UrlBounds | undefined, shown: string): Parsed<string> {
  const url = URL.parse(text);
  if (url === null) return { problem: `${shown} is no absolute URL` };
  const protocol = url.protocol.slice(0, -1);
  if (bounds?.protocols !== undefined && !bounds.protocols.includes(protocol)) {
    return { problem: `${shown} has the protocol ${protocol}, which is none of ${bounds.protocols.join(", ")}` };
  }
  return { value: text };
}

function toSecret(parsed: Parsed<string>): Parsed<Secret> {
  return "value" in parsed ? { value: new Secret(parsed.value) } : parsed;
}
