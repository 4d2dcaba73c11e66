import type { Principal, Scope } from "@devmesh/auth";
import { AppError, type ErrorCode } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import type { Answer } from "./envelope.ts";
import { parseQuery } from "./query.ts";
import { readJson } from "./read-json.ts";

/** One request, as a route's handler sees it: parsed and allowed. */
export interface RouteRequest<Query = unknown> {
  readonly principal: Principal;
  /** By name, percent-decoded, otherwise as given. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  /** Parsed JSON, unchecked: users' JSON must survive. Undefined where there is none. */
  readonly body: unknown;
  /** The body as it comes, where it is of {@link RouteBody.streams}; `body` is undefined then. */
  readonly stream: ReadableStream<Uint8Array> | undefined;
  readonly headers: Headers;
  readonly requestId: string;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

export interface RouteBody {
  /** For the document; the handler parses. */
  readonly schema: z.ZodType;
  readonly example: unknown;
  readonly maxBytes: number;
  readonly isOptional?: boolean;
  /** A list of items that the handler checks for depth and for numbers that are not finite: a bad one stops no other. */
  readonly isCheckedByItem?: boolean;
  /** A media type that is taken beside JSON, of any length: the handler reads it, and bounds it. */
  readonly streams?: { readonly mediaType: string; readonly description: string; readonly example: string };
}

interface RouteSuccess {
  readonly status: 200 | 201 | 202;
  readonly description: string;
  /** Of `data`; the envelope is added. With another media type, of the whole body. */
  readonly data: z.ZodType;
  readonly isPaged?: boolean;
  readonly example?: unknown;
  /** Of `meta`, where it is more than a list's. */
  readonly meta?: { readonly schema: z.ZodType; readonly example: unknown };
  readonly headers?: Readonly<Record<string, string>>;
  readonly mediaType?: string;
}

export interface RouteSpec<Query extends z.ZodObject> {
  readonly method: "get" | "post" | "patch" | "delete";
  /** Below the base path, with parameters in braces. */
  readonly path: string;
  readonly operationId: string;
  readonly tag:
    | "Tasks"
    | "Agents"
    | "Dead letters"
    | "Limits"
    | "Budgets"
    | "Usage"
    | "Embeddings"
    | "Collections"
    | "Documents"
    | "Imports"
    | "Search"
    | "Knowledge"
    | "Contexts"
    | "Tools";
  readonly summary: string;
  readonly description?: string;
  readonly scope: Scope;
  /** For the document: what each parameter of the path is. */
  readonly params?: z.ZodObject;
  readonly query?: Query;
  /** For the document: headers that the handler reads. */
  readonly headers?: z.ZodObject;
  readonly body?: RouteBody;
  readonly success: RouteSuccess;
  /** Beside those that every route may answer. */
  readonly errors?: readonly ErrorCode[];
  readonly handle: (request: RouteRequest<z.output<Query>>) => Promise<Answer | Response>;
}

/** A route whose query's type is sealed in. */
export interface Route extends Omit<RouteSpec<z.ZodObject>, "handle" | "query"> {
  readonly query: z.ZodObject;
  readonly run: (request: Request, context: RouteContext) => Promise<Answer | Response>;
}

type RouteContext = Pick<RouteRequest, "principal" | "params" | "requestId">;

const noQuery = z.object({});

/** Seals a route: reads query and body by its own description, and hands both to its handler. */
export function defineRoute<Query extends z.ZodObject = typeof noQuery>(spec: RouteSpec<Query>): Route {
  const { handle, query, ...rest } = spec;
  const schema = query ?? noQuery;
  return {
    ...rest,
    query: schema,
    async run(request, context) {
      const { body } = spec;
      // the schema is the one whose output `handle` takes, or the empty one for a handler that takes none
      const parsed = parseQuery(schema, request.url) as z.output<Query>;
      const stream = streamOf(request, body);
      const json =
        body === undefined || stream !== undefined
          ? undefined
          : await readJson(request, { ...body, isOptional: body.isOptional === true });
      const { headers, signal } = request;
      return handle({ ...context, query: parsed, body: json, stream, headers, signal });
    },
  };
}

/** @throws AppError `invalid_argument`, reason `unsupported_media_type`, for one that is compressed. */
function streamOf(request: Request, body: RouteBody | undefined): ReadableStream<Uint8Array> | undefined {
  const [mediaType = ""] = (request.headers.get("content-type") ?? "").toLowerCase().split(";");
  if (body?.streams === undefined || mediaType.trim() !== body.streams.mediaType) return undefined;
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding === "identity") return request.body ?? new ReadableStream({ start: (it) => it.close() });
  const message = `content encoding ${JSON.stringify(encoding.slice(0, 80))}: the body must not be compressed`;
  throw new AppError("invalid_argument", message, { reason: "unsupported_media_type" });
}
