import { z } from "zod";
import type { ToolServerId } from "../ids.ts";
import { textSchema } from "../text.ts";

/** Servers that a tenant may have registered. */
export const maxToolServers = 50;
/** Between the name of a server and that of its tool, where a tool is called by one name. */
export const toolNameSeparator = "__";

/** A value that is kept encrypted. It is given once, and never shown again. */
const secretValueSchema = z.strictObject({ secret: textSchema(8_192) });
/** What is shown in a secret's place. Given back in a change, the secret stays as it is. */
const keptSecretSchema = z.strictObject({ isSecret: z.literal(true) });
const plainValueSchema = textSchema(8_192);
const newValueSchema = z.union([plainValueSchema, secretValueSchema]);
const changedValueSchema = z.union([plainValueSchema, secretValueSchema, keptSecretSchema]);

/**
 * Never given, whatever the operator's list of variables says: with these a program would load, start or write something else.
 * They are variables of the loader, of shells, of the runtimes and package runners that tool servers are written for, of what
 * these start, and our own. No list is whole: the operator's list of what may be given stands before this one.
 */
const refusedVariables = new RegExp(
  `^(?:${[
    "PATH|HOME|IFS|ENV|TMPDIR|XDG_.*|BROWSER|PAGER|EDITOR|VISUAL|.*_PAGER|.*_EDITOR|.*_ASKPASS|.*_CONFIG_FILE",
    "LD_.*|DYLD_.*|MALLOC_.*|GLIBC_TUNABLES|GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|OPENSSL_.*|SSL.*",
    "BASH.*|SHELLOPTS|PS[0-4]|PROMPT_COMMAND|ZDOTDIR|FPATH|CDPATH|LESS.*|MAKEFLAGS|VIM.*",
    "NODE_(?!ENV$).*|NPM_.*|YARN_.*|PNPM_.*|COREPACK_.*|BUN_.*|DENO_.*|ELECTRON_.*|PUPPETEER_.*|PLAYWRIGHT_.*",
    "PYTHON(?!UNBUFFERED$|IOENCODING$|UTF8$).*|PIP_.*|UV_.*|POETRY_.*|CONDA_.*|VIRTUAL_ENV",
    "PERL.*|RUBY.*|GEM_.*|BUNDLE_.*|PHPRC|PHP_INI_.*|LUA_.*|TCL.*|R_.*|JULIA_.*|ERL_.*|GO(?:FLAGS|PROXY|ROOT|PATH|ENV)|CARGO_.*|RUST.*",
    "JAVA_.*|JDK_.*|CLASSPATH|MAVEN_.*|GRADLE_.*|DOTNET_.*|CORECLR_.*|COR_.*|GIT_.*|SSH_.*|DOCKER_.*|KUBECONFIG|DEVMESH_.*",
  ].join("|")})$`,
);
/** What the connection itself needs to say. */
const refusedHeaders =
  /^(?:host|connection|content-.*|transfer-encoding|accept|te|upgrade|keep-alive|trailer|expect|proxy-.*|mcp-.*|last-event-id)$/i;

const variableNameSchema = z
  .string()
  .max(128)
  // one spelling: programs read some names in any case
  .regex(/^[A-Z][A-Z0-9_]*$/, "must be a capital letter, and then capital letters, digits and _")
  .refine((name) => !refusedVariables.test(name), "this variable decides what a program loads: it can't be given");
const headerNameSchema = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "must be the name of a header")
  .refine((name) => !refusedHeaders.test(name), "this header belongs to the connection: it can't be given");

const atMost50 = [(values: object) => Object.keys(values).length <= 50, "at most 50"] as const;

function stdioSchema<Value extends z.ZodType>(value: Value) {
  return z.strictObject({
    kind: z.literal("stdio"),
    /** As on the operator's allow list. */
    command: textSchema(1_024),
    args: z.array(textSchema(4_096)).max(100).default([]),
    env: z
      .record(variableNameSchema, value)
      .refine(...atMost50)
      .default({}),
  });
}

function httpSchema<Value extends z.ZodType>(value: Value) {
  return z.strictObject({
    kind: z.literal("http"),
    url: z.string().max(2_048).refine(isHttpUrl, "must be an http or https URL without user, password and fragment"),
    headers: z
      .record(
        headerNameSchema,
        value.refine(isHeaderValue, "a header can't carry it: visible characters of Latin-1, and spaces"),
      )
      .refine(...atMost50)
      .refine(namesDiffer, "names a header twice")
      .default({}),
  });
}

const transportSchema = z.discriminatedUnion("kind", [stdioSchema(newValueSchema), httpSchema(newValueSchema)]);
const changedTransportSchema = z.discriminatedUnion("kind", [
  stdioSchema(changedValueSchema),
  httpSchema(changedValueSchema),
]);

const terms = {
  title: textSchema(200),
  timeoutMs: z.int().min(1_000).max(3_600_000),
  maxConcurrency: z.int().min(1).max(100),
  /** A caller needs these beside `tools:execute`. The door that takes them checks that they are scopes. */
  scopes: z
    .array(textSchema(64))
    .max(10)
    .refine((list) => new Set(list).size === list.length, "names a scope twice"),
  enabled: z.boolean(),
};

/** The body of `POST /tools`. */
export const newToolServerSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(32)
    .regex(/^[a-z0-9-]+$/, "may hold lower-case letters, digits and - only"),
  title: terms.title.optional(),
  transport: transportSchema,
  timeoutMs: terms.timeoutMs.default(30_000),
  maxConcurrency: terms.maxConcurrency.default(4),
  scopes: terms.scopes.default([]),
  enabled: terms.enabled.default(true),
});
/** A server as it is registered, checked. */
export type NewToolServer = z.output<typeof newToolServerSchema>;

/** The body of `PATCH /tools/{id}`: what is absent stays. A transport is given whole; its secrets may stay. */
export const toolServerUpdateSchema = z.strictObject({
  title: terms.title.nullable().optional(),
  transport: changedTransportSchema.optional(),
  timeoutMs: terms.timeoutMs.optional(),
  maxConcurrency: terms.maxConcurrency.optional(),
  scopes: terms.scopes.optional(),
  enabled: terms.enabled.optional(),
});
/** What is changed of a server, checked. */
export type ToolServerUpdate = z.output<typeof toolServerUpdateSchema>;

/** The value of a variable or a header as it is shown: a secret shows only that it is one. */
export type ToolValue = string | { readonly isSecret: true };

/** How a server is reached. */
export type ToolServerTransport =
  | {
      readonly kind: "stdio";
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, ToolValue>>;
    }
  | { readonly kind: "http"; readonly url: string; readonly headers: Readonly<Record<string, ToolValue>> };

/** The secrets of a server in the clear, by the name of their variable or header. Never shown, never logged. */
export type ToolSecrets = ReadonlyMap<string, string>;

/** An external MCP server that a tenant has registered, as every door shows it. */
export interface ToolServer {
  readonly id: ToolServerId;
  readonly name: string;
  readonly title?: string;
  readonly transport: ToolServerTransport;
  /** How long one call may take. */
  readonly timeoutMs: number;
  /** Calls at once, in each process of the mesh. */
  readonly maxConcurrency: number;
  readonly scopes: readonly string[];
  /** One that is not is neither listed nor called. */
  readonly enabled: boolean;
  /** Goes up with each change: what was opened for an earlier one is closed. */
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** The one name under which a server's tool is called. */
export function qualifiedToolName(server: string, tool: string): string {
  return `${server}${toolNameSeparator}${tool}`;
}

/** Server and tool of a name; undefined for one that can't be of a server's tool. */
export function splitToolName(name: string): { readonly server: string; readonly tool: string } | undefined {
  // a server's name has no underscore, so the first separator is the one
  const at = name.indexOf(toolNameSeparator);
  if (at < 1 || at + toolNameSeparator.length >= name.length) return undefined;
  return { server: name.slice(0, at), tool: name.slice(at + toolNameSeparator.length) };
}

function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return false;
  return url.username === "" && url.password === "" && url.hash === "";
}

/** Of a secret that is kept it was asked when it was given. RFC 9110, 5.5. */
function isHeaderValue(value: unknown): boolean {
  const text = typeof value === "object" && value !== null && "secret" in value ? value.secret : value;
  return typeof text !== "string" || /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

function namesDiffer(values: object): boolean {
  const names = Object.keys(values).map((name) => name.toLowerCase());
  return new Set(names).size === names.length;
}
