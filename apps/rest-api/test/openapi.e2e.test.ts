import type { CollectionId, ContextId, ImportId, ToolServerId } from "@devmesh/models";
import { Ajv2020 } from "ajv/dist/2020.js";
import ajvFormats from "ajv-formats";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operationRoutes } from "../src/operations-document.ts";
import { allRoutes } from "../src/routes/all-routes.ts";
import { openRest, type RestHarness } from "./_rest-harness.ts";

type Json = Readonly<Record<string, unknown>>;
interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: Json;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Json };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Json }>>;
}
interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Json; readonly securitySchemes: Json };
}

const mediaOf = (content: unknown, type: string): { readonly schema: Json; readonly example?: unknown } | undefined =>
  (content as Record<string, { schema: Json; example?: unknown }> | undefined)?.[type];

describe("the OpenAPI document", () => {
  let rest: RestHarness;
  let document: OpenApi;
  const ajv = new Ajv2020({ strict: false, allErrors: false });
  // the CommonJS module's own export is its member `default`
  (ajvFormats as unknown as { default: (ajv: Ajv2020) => void }).default(ajv);

  beforeAll(async () => {
    rest = await openRest();
    const response = await rest.app.request("/api/v1/openapi.json");
    document = (await response.json()) as OpenApi;
    ajv.addSchema({ $id: "api", components: document.components });
  });
  afterAll(() => rest[Symbol.asyncDispose]());

  const operations = (): { method: string; path: string; operation: Operation }[] =>
    Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    );
  /** A schema of the document, whose references lead into it. */
  const rooted = (schema: Json): Json =>
    JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')) as Json;
  const problemsOf = (schema: Json, value: unknown): string => {
    const validate = ajv.compile(rooted(schema));
    return validate(value) ? "" : ajv.errorsText(validate.errors);
  };

  test("is version 3.1, and every reference, parameter and operation is whole", () => {
    expect(document.openapi).toBe("3.1.0");
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(10);
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(allRoutes(rest.deps).length + operationRoutes.length);
    for (const { path, operation } of operations()) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (operation.parameters ?? []).filter((one) => one.in === "path").map(({ name }) => name);
      expect(declared).toEqual(named);
      for (const parameter of operation.parameters ?? []) expect(parameter.schema).toBeTypeOf("object");
    }
  });

  test("every schema compiles, and every example is valid", () => {
    for (const { operation } of operations()) {
      const contents = [operation.requestBody?.content, ...Object.values(operation.responses).map((r) => r.content)];
      for (const media of contents.flatMap((content) => Object.values(content ?? {}))) {
        const { schema, example } = media as { schema: Json; example: unknown };
        expect(example).toBeDefined();
        expect(problemsOf(schema, example)).toBe("");
      }
    }
  });

  test("every operation documents its success and each error that it may answer, in the one shape", () => {
    for (const { operation } of operations().filter(({ path }) => path.startsWith("/api/v1/"))) {
      const statuses = Object.keys(operation.responses);
      const always = ["400", "401", "403", "429", "500", "503"];
      const ofBody = operation.requestBody === undefined ? [] : ["413", "415"];
      expect(statuses).toEqual(expect.arrayContaining([...always, ...ofBody]));
      expect(statuses.filter((status) => status.startsWith("2"))).toHaveLength(1);
      for (const status of statuses.filter((one) => !one.startsWith("2"))) {
        const media = mediaOf(operation.responses[status]?.content, "application/json");
        expect(media?.schema).toEqual({ $ref: "#/components/schemas/Failure" });
      }
    }
  });

  test("whatever is sent, the answer is one of those documented, of the documented shape, and never a 5xx", async () => {
    const known = await makeKnown(rest);
    await fc.assert(
      fc.asyncProperty(requests(operations(), known), async ({ path, method, operation, body }) => {
        const response = await rest.app.request(path, {
          method,
          headers: {
            "x-api-key": await keyOf(rest),
            ...(body !== undefined && { "content-type": "application/json" }),
          },
          ...(body !== undefined && { body }),
        });
        const documented = operation.responses[String(response.status)];
        expect(documented, `${method} ${path} ${body} answered ${response.status}`).toBeDefined();
        expect(response.status).toBeLessThan(500);
        const media = mediaOf(documented?.content, "application/json");
        if (media === undefined) {
          await response.body?.cancel();
          return;
        }
        expect(problemsOf(media.schema, await response.json()), `${method} ${path} ${body}`).toBe("");
      }),
      { numRuns: 500 },
    );
  });
});

/** Ids of things that there are, by the first word of the paths that name them by id. */
type Known = Readonly<Record<string, string>>;

async function makeKnown({ ask, deps, tenantId }: RestHarness): Promise<Known> {
  const make = async (path: string, body: object): Promise<string> =>
    ((await (await ask("POST", path, body)).json()) as { data: { id: string } }).data.id;
  await make("/agents", { name: "known", capabilities: [{ name: "a" }] });
  const collectionId = (await make("/collections", { name: "known" })) as CollectionId;
  await ask("POST", "/collections/known/documents", { documents: [{ externalId: "known", content: "known" }] });
  const imports = deps.newId() as ImportId;
  await deps.imports.create(tenantId, { id: imports, collectionId, key: "a", etag: "a", size: 1 });
  const contexts = deps.newId() as ContextId;
  const digest = { metadata: {}, expiresInSeconds: 60, summarize: true, embed: true };
  const named = { name: "known", mediaType: "text/plain", size: 1, sha256: "00".repeat(32) };
  await deps.contexts.create(tenantId, { id: contexts, ...named, ...digest }, undefined);
  const tasks = await make("/tasks", { type: "a" });
  const tools = deps.newId() as ToolServerId;
  // as it is where the operator has taken the program off the list: nothing is started
  const transport = { kind: "stdio", command: "not-allowed", args: [], env: {} } as const;
  const server = { name: "known", transport, timeoutMs: 1_000, maxConcurrency: 1, scopes: [], enabled: true };
  await deps.toolServers.create(tenantId, { id: tools, server, secrets: [], max: 1 });
  return { tasks, imports, contexts, tools, knowledge: await make("/knowledge", { title: "known", content: "known" }) };
}

const keys = new WeakMap<RestHarness, Promise<string>>();
function keyOf(rest: RestHarness): Promise<string> {
  const key = keys.get(rest) ?? rest.createKey();
  keys.set(rest, key);
  return key;
}

interface GeneratedRequest {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
  readonly body: string | undefined;
}

/** Requests to operations, in all mixtures of what their schemas allow and of anything else. */
function requests(
  operations: readonly { method: string; path: string; operation: Operation }[],
  known: Known,
): fc.Arbitrary<GeneratedRequest> {
  return fc.constantFrom(...operations).chain(({ method, path, operation }) => {
    const own = known[path.split("/")[3] ?? ""] ?? "known";
    const id = fc.oneof(
      { weight: 4, arbitrary: fc.constant(own) },
      { weight: 1, arbitrary: fc.constantFrom("nobody", "019ad9b5-6c00-7000-8000-000000000001", "%00", "ä", "a/b") },
      { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1 }).filter((text) => !/^\.+$/.test(text)) },
    );
    // a wait without a time would take its default
    const waits = path.endsWith("/wait") ? { timeoutMs: fc.constantFrom("0", "1", "-1", "x") } : {};
    const values = (operation.parameters ?? [])
      .filter((parameter) => parameter.in === "query" && parameter.name !== "timeoutMs")
      .map(({ name, schema }) => [name, queryValue(schema)]);
    const optional = fc.record(Object.fromEntries(values), { requiredKeys: [] });
    const query = fc.tuple(optional, fc.record(waits)).map(([some, all]) => ({ ...some, ...all }));
    const body = operation.requestBody === undefined ? fc.constant(undefined) : bodies(operation);
    return fc
      .record({ ids: fc.tuple(id, id), query, body })
      .map(({ ids: [first, second], query: chosen, body: text }) => ({
        method,
        operation,
        body: text,
        path: `${inPath(inPath(path, first), second)}${toQuery(chosen)}`,
      }));
  });
}

/** Puts a value in the place of the first parameter that is left. */
function inPath(path: string, value: string): string {
  return path.replace(/\{\w+\}/, () => encodeURIComponent(value.toWellFormed()));
}

function toQuery(query: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
  return entries.length === 0 ? "" : `?${new URLSearchParams(entries)}`;
}

function queryValue(schema: Json): fc.Arbitrary<unknown> {
  const anything = fc.string({ unit: "binary" });
  const allowed = schema["enum"];
  if (Array.isArray(allowed)) return fc.oneof(fc.constantFrom(...allowed), anything);
  if (schema["type"] === "integer") return fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer(), anything);
  return fc.oneof(fc.constantFrom("a", "known", "2026-01-01T00:00:00Z", "e1"), fc.uuid(), anything);
}

/** Half of them near the documented example, half of them anything at all. */
function bodies(operation: Operation): fc.Arbitrary<string> {
  const example = mediaOf(operation.requestBody?.content, "application/json")?.example;
  const fields = typeof example === "object" && example !== null ? Object.keys(example) : [];
  const extra = fc.dictionary(
    fc.constantFrom(...fields, "timeoutMs", "maxAttempts", "outputSchema", "dependsOn", "labels", "load", "__proto__"),
    fc.jsonValue(),
    { maxKeys: 3 },
  );
  const near = extra.map((changed) => JSON.stringify({ ...(example as object), ...changed }));
  return fc.oneof(near, fc.json(), fc.string());
}
