import {
  AppError,
  type NewToolServer,
  type ToolSecrets,
  type ToolServerTransport,
  type ToolServerUpdate,
  type ToolValue,
} from "@devmesh/models";

/** One that was shown asks for its secrets to stay. */
type AskedTransport = NewToolServer["transport"] | NonNullable<ToolServerUpdate["transport"]> | ToolServerTransport;
type AskedValue = string | { readonly secret: string } | { readonly isSecret: true };

/** A transport as it is shown, and what is kept apart from it. */
export interface TakenSecrets {
  readonly transport: ToolServerTransport;
  /** New ones, by the name of their variable or header. */
  readonly secrets: ToolSecrets;
  /** Those that stay as they are. */
  readonly kept: readonly string[];
}

/**
 * Takes the secrets out of a transport. One may stay as it is only where it goes to the same place as before: whoever may
 * change a server is not thereby told its secrets.
 *
 * @param before the transport as it was, of a server that is changed.
 * @throws AppError `invalid_argument`, its `details` naming each secret that has to be given again.
 */
export function takeSecrets(asked: AskedTransport, before?: ToolServerTransport): TakenSecrets {
  const values: [string, AskedValue][] = Object.entries(asked.kind === "stdio" ? asked.env : asked.headers);
  const shown = Object.fromEntries(values.map(([name, value]): [string, ToolValue] => [name, show(value)]));
  const kept = values.flatMap(([name, value]) => (typeof value === "object" && "isSecret" in value ? [name] : []));
  assertKeepable(asked, kept, before);
  return {
    transport:
      asked.kind === "stdio"
        ? { kind: asked.kind, command: asked.command, args: asked.args, env: shown }
        : { kind: asked.kind, url: asked.url, headers: shown },
    secrets: new Map(
      values.flatMap(([name, value]) => (typeof value === "object" && "secret" in value ? [[name, value.secret]] : [])),
    ),
    kept,
  };
}

function show(value: AskedValue): ToolValue {
  return typeof value === "string" ? value : { isSecret: true };
}

function assertKeepable(asked: AskedTransport, kept: readonly string[], before: ToolServerTransport | undefined): void {
  if (kept.length === 0) return;
  const known = before === undefined ? {} : valuesOf(before);
  const isSamePlace = before !== undefined && goesTo(asked) === goesTo(before);
  const member = asked.kind === "stdio" ? "env" : "headers";
  const details = kept.flatMap((name) => {
    const path = `transport.${member}.${name}`;
    if (!Object.hasOwn(known, name) || typeof known[name] === "string") {
      return [{ path, message: "there is no secret of this name to keep" }];
    }
    return isSamePlace ? [] : [{ path, message: "must be given again: what it is sent to has changed" }];
  });
  const [first] = details;
  if (first !== undefined) throw new AppError("invalid_argument", `${first.path}: ${first.message}`, { details });
}

function valuesOf(transport: ToolServerTransport): Readonly<Record<string, ToolValue>> {
  return transport.kind === "stdio" ? transport.env : transport.headers;
}

/** Who gets to see the secrets: a program with its arguments and all of its plain variables, or an address. */
function goesTo(transport: AskedTransport): string {
  if (transport.kind === "http") return JSON.stringify(["http", new URL(transport.url).href]);
  const plain = Object.entries(transport.env).filter(([, value]) => typeof value === "string");
  return JSON.stringify(["stdio", transport.command, transport.args, plain.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
