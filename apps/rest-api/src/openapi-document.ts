import type { ErrorCode } from "@devmesh/models";
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Route } from "./http/route.ts";
import { operationRoutes } from "./operations-document.ts";
import { failureSchema } from "./schemas/error-schema.ts";

/** Below this everything lives that needs a credential. */
export const basePath = "/api/v1";

/** Makes the OpenAPI 3.1 document out of the routes' own schemas. */
export function describeApi(routes: readonly Route[]): Record<string, unknown> {
  // a registry only: requests never come here
  const { openAPIRegistry, getOpenAPI31Document } = createDocumentApp(routes);
  openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "An API key: `dm_…`.",
  });
  openAPIRegistry.registerComponent("securitySchemes", "apiKey", { type: "apiKey", in: "header", name: "X-API-Key" });
  const document = getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Devmesh",
      version: "1.0.0",
      description:
        "Submit tasks, and follow them to the agents that do them. Every answer is `{data, meta?}` or `{error}`; every answer " +
        "carries `X-Request-Id`.",
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "Tasks" },
      { name: "Agents" },
      { name: "Dead letters" },
      { name: "Limits" },
      { name: "Budgets" },
      { name: "Usage" },
      { name: "Embeddings" },
      { name: "Collections" },
      { name: "Documents" },
      { name: "Search" },
      { name: "Imports" },
      { name: "Knowledge" },
      { name: "Contexts" },
      { name: "Tools" },
      { name: "Operations" },
    ],
    security: [{ bearer: [] }, { apiKey: [] }],
  });
  return JSON.parse(JSON.stringify(document));
}

function createDocumentApp(routes: readonly Route[]): Pick<OpenAPIHono, "openAPIRegistry" | "getOpenAPI31Document"> {
  const app = new OpenAPIHono();
  for (const route of routes) app.openAPIRegistry.registerPath(describeRoute(route));
  for (const route of operationRoutes) app.openAPIRegistry.registerPath(route);
  return app;
}

function describeRoute(route: Route): ReturnType<typeof createRoute> {
  const { method, operationId, tag, summary, scope, params, headers, body } = route;
  return createRoute({
    method,
    path: `${basePath}${route.path}`,
    operationId,
    tags: [tag],
    summary,
    description: [route.description, `Needs the scope \`${scope}\`.`].filter((text) => text !== undefined).join(" "),
    request: {
      query: route.query,
      ...(params !== undefined && { params }),
      ...(headers !== undefined && { headers }),
      ...(body !== undefined && {
        body: {
          required: body.isOptional !== true,
          content: {
            "application/json": { schema: body.schema, example: body.example },
            ...(body.streams !== undefined && {
              [body.streams.mediaType]: {
                schema: z.string().meta({ description: body.streams.description }),
                example: body.streams.example,
              },
            }),
          },
        },
      }),
    },
    responses: { [route.success.status]: describeSuccess(route), ...describeFailures(route) },
  });
}

type ResponseConfig = ReturnType<typeof createRoute>["responses"][string];

function describeSuccess({ success }: Route): ResponseConfig {
  const { description, data, isPaged, example, mediaType } = success;
  const meta = success.meta ?? (isPaged === true ? pageMeta : undefined);
  const envelope = meta === undefined ? z.object({ data }) : z.object({ data, meta: meta.schema });
  const content =
    mediaType === undefined
      ? {
          "application/json": {
            schema: envelope,
            example: meta === undefined ? { data: example } : { data: example, meta: meta.example },
          },
        }
      : { [mediaType]: { schema: data, example } };
  return { description, headers: describeHeaders(success.headers ?? {}), content };
}

const pageMeta = {
  schema: z
    .object({ nextCursor: z.string().optional().meta({ description: "Absent on the last page." }) })
    .meta({ id: "PageMeta" }),
  example: {},
};

/** What every route may answer beside its own errors. */
const commonErrors: readonly ErrorCode[] = [
  "invalid_argument",
  "unauthenticated",
  "permission_denied",
  "resource_exhausted",
  "cancelled",
  "deadline_exceeded",
  "unavailable",
  "internal",
];

const failures: Readonly<Record<string, { readonly codes: readonly ErrorCode[]; readonly description: string }>> = {
  400: { codes: ["invalid_argument"], description: "The input can never be right: `details` names each field." },
  401: { codes: ["unauthenticated"], description: "No credential, or none that is good." },
  403: { codes: ["permission_denied"], description: "The credential lacks the scope, or is bound to another agent." },
  404: { codes: ["not_found"], description: "No such thing in this tenant." },
  409: { codes: ["conflict", "failed_precondition"], description: "A race was lost, or the state does not allow it." },
  429: { codes: ["resource_exhausted"], description: "Too much at once: `Retry-After` says when to come again." },
  499: { codes: ["cancelled"], description: "The caller went away." },
  500: { codes: ["internal"], description: "A fault of this service." },
  503: { codes: ["unavailable"], description: "A dependency is down; nothing was done." },
  504: { codes: ["deadline_exceeded"], description: "Out of time." },
};

function describeFailures(route: Route): Record<string, ResponseConfig> {
  const codes = [...commonErrors, ...(route.errors ?? [])];
  const own = Object.entries(failures).filter(([, failure]) => failure.codes.some((code) => codes.includes(code)));
  const ofBodies = route.body === undefined ? [] : bodyFailures;
  return Object.fromEntries(
    [
      ...own.map(
        ([
          status,
          {
            codes: [code],
            description,
          },
        ]) => [status, code, description] as const,
      ),
      ...ofBodies,
    ].map(([status, code, description]) => [status, describeFailure(code ?? "internal", description, status)]),
  );
}

const bodyFailures: readonly (readonly [status: string, code: ErrorCode, description: string])[] = [
  ["413", "resource_exhausted", "The body is too large."],
  ["415", "invalid_argument", "The body is not `application/json` in UTF-8."],
];

function describeFailure(code: ErrorCode, description: string, status: string): ResponseConfig {
  const example = { error: { code, message: description, requestId: "019ad9b5-6c00-7000-8000-00000000000f" } };
  const extra: Record<string, string> =
    status === "401"
      ? { "WWW-Authenticate": "`Bearer`." }
      : status === "429"
        ? { "Retry-After": "Whole seconds." }
        : {};
  return {
    description,
    headers: describeHeaders(extra),
    content: { "application/json": { schema: failureSchema, example } },
  };
}

function describeHeaders(extra: Readonly<Record<string, string>>): Record<string, never> {
  const all = {
    "X-Request-Id": "The request's id: the one given, or a fresh one.",
    RateLimit: 'What is left of the budget: `"default";r=<requests>;t=<seconds until it is whole>`.',
    "RateLimit-Policy": 'The budget: `"default";q=<requests>;w=<seconds>`.',
    ...extra,
  };
  const headers = Object.entries(all).map(([name, description]) => [name, { description, schema: { type: "string" } }]);
  return Object.fromEntries(headers);
}
