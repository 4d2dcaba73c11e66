import type { EnvReader } from "./env-reader.ts";
import type { Secret } from "./secret.ts";

/** What the environment says about external tool servers, typed; durations in milliseconds. */
export interface ToolsEnv {
  readonly commands: readonly string[];
  readonly variables: readonly string[];
  readonly allowHttp: boolean;
  readonly allowPrivate: boolean;
  readonly allowLoopback: boolean;
  /** Undefined: no secret is kept. */
  readonly secretsKey: Secret | undefined;
  readonly kmsRegion: string;
  readonly kmsEndpoint: string | undefined;
  readonly checkMs: number;
  readonly breakerMs: number;
}

/** A key as it is configured: its bytes, or, where `isWrapped`, what KMS makes its bytes of. */
export interface ConfiguredKey {
  readonly id: string;
  readonly bytes: Buffer;
  readonly isWrapped: boolean;
}

/** How external tool servers are reached, and looked after. */
export interface ToolsConfig {
  /** Programs that may be started: names, or absolute paths. */
  readonly commands: readonly string[];
  /** Names of variables that programs may be given; a `*` stands for any characters, or none. */
  readonly variables: readonly string[];
  /** Takes `http:` URLs, too. */
  readonly allowHttp: boolean;
  /** Takes addresses of private networks. */
  readonly allowPrivate: boolean;
  /** Takes addresses of this machine. */
  readonly allowLoopback: boolean;
  /** The first seals, all open. None: no secret is kept. */
  readonly secretKeys: () => readonly ConfiguredKey[];
  /** Who decrypts wrapped keys. */
  readonly kms: { readonly region: string; readonly endpoint: string | undefined };
  /** How often a server is looked at. */
  readonly checkMs: number;
  /** How long a server whose breaker has opened is left alone. */
  readonly breakerMs: number;
}

/** What programs are told to whom they speak, and as whom. */
const defaultVariables = "*TOKEN,*_KEY,*SECRET,*PASSWORD,*_USERNAME,*_ID,*_URL,*_REGION,LOG_LEVEL".split(",");
const variablePattern = /^[A-Z0-9_*]{1,128}$/;
const maxKeys = 10;
const keyBytes = 32;

/** Reads the variables of external tool servers. */
export function readToolsEnv(reader: EnvReader): ToolsEnv {
  const secretsKey = reader.secret("DEVMESH_TOOL_SECRETS_KEY", undefined);
  const problem = secretsKey && findProblem(secretsKey);
  if (problem !== undefined) reader.refuse("DEVMESH_TOOL_SECRETS_KEY", problem);
  const variables = reader.list("DEVMESH_TOOL_VARIABLES", defaultVariables, { maxItems: 100 });
  const bad = variables.find((name) => !variablePattern.test(name));
  if (bad !== undefined) {
    reader.refuse("DEVMESH_TOOL_VARIABLES", `${JSON.stringify(bad)} must be of A-Z, 0-9, _ and *, at most 128`);
  }
  return {
    commands: reader.list("DEVMESH_TOOL_COMMANDS", [], { maxItems: 100 }),
    variables,
    allowHttp: reader.boolean("DEVMESH_TOOL_ALLOW_HTTP", false),
    allowPrivate: reader.boolean("DEVMESH_TOOL_ALLOW_PRIVATE", false),
    allowLoopback: reader.boolean("DEVMESH_TOOL_ALLOW_LOOPBACK", false),
    secretsKey: problem === undefined ? secretsKey : undefined,
    kmsRegion: reader.string("AWS_REGION", undefined) ?? reader.string("AWS_DEFAULT_REGION", "us-east-1"),
    kmsEndpoint: reader.url("DEVMESH_AWS_ENDPOINT", undefined, { protocols: ["http", "https"] }),
    checkMs: reader.int("DEVMESH_TOOL_CHECK_MS", 300_000, { min: 1_000, max: 86_400_000 }),
    breakerMs: reader.int("DEVMESH_TOOL_BREAKER_MS", 10_000, { min: 100, max: 600_000 }),
  };
}

/** Gives what was read its shape. */
export function toToolsConfig({ secretsKey, kmsRegion, kmsEndpoint, ...env }: ToolsEnv): ToolsConfig {
  return {
    ...env,
    secretKeys: () => (secretsKey === undefined ? [] : parseKeys(secretsKey)),
    kms: { region: kmsRegion, endpoint: kmsEndpoint },
  };
}

/**
 * `id:base64`, or `id:kms:base64` for a wrapped one, separated by commas; one may leave out its id. What is no key has no
 * bytes.
 */
function parseKeys(text: Secret): readonly ConfiguredKey[] {
  return text
    .reveal()
    .split(",")
    .map((part) => {
      const [, id = "default", kms, encoded = ""] = keyPattern.exec(part.trim()) ?? [];
      return { id, bytes: Buffer.from(encoded, "base64"), isWrapped: kms !== undefined };
    });
}

const keyPattern = /^(?:(?!kms:)([A-Za-z0-9._-]{1,64}):)?(kms:)?([A-Za-z0-9+/_=-]+)$/;

/** Shows nothing of a key. */
function findProblem(text: Secret): string | undefined {
  const keys = parseKeys(text);
  const bad = keys.findIndex(({ bytes, isWrapped }) => (isWrapped ? bytes.length === 0 : bytes.length !== keyBytes));
  if (bad !== -1)
    return `[secret] must be id:key, …, each key ${keyBytes} bytes in base64, or kms: and what KMS decrypts: key ${bad + 1} is not`;
  if (keys.length > maxKeys) return `[secret] of ${keys.length} keys exceeds the limit of ${maxKeys}`;
  return new Set(keys.map(({ id }) => id)).size === keys.length ? undefined : "[secret] names two keys alike";
}
