import { A2A_VERSION_HEADER, AgentCard } from "@a2a-js/sdk";
import {
  type A2ARequestHandler,
  JsonRpcTransportHandler,
  ServerCallContext,
  validateVersion,
} from "@a2a-js/sdk/server";
import { type Authenticator, assertScope, type Principal, type Scope } from "@devmesh/auth";
import { type Agent, AppError, parseTraceparent, reservedAgentName, toAppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { toBody } from "@devmesh/runtime";
import { type Context, Hono } from "hono";
import { createOriginGuard, type OriginGuard } from "../mcp/http/guard-origin.ts";
import { readMessage } from "../mcp/http/read-message.ts";
import { refusal } from "../mcp/http/refusal.ts";
import { originOf } from "../mcp/http/resource-metadata.ts";
import { signIn } from "../mcp/http/sign-in.ts";
import type { McpHttpConfig } from "../mcp/open-mcp.ts";
import type { A2aDeps } from "./a2a-deps.ts";
import { toA2aError } from "./a2a-errors.ts";
import { toAgentCard } from "./agent-card.ts";
import { createRequestHandler } from "./request-handler.ts";
import { tellOfFailures } from "./tell-of-failures.ts";
import { writeStream } from "./write-stream.ts";

/** What the A2A door stands on. */
export interface OpenA2aDeps extends A2aDeps {
  readonly authenticator: Authenticator;
  readonly config: McpHttpConfig;
  /** Ends what waits and streams. */
  readonly stopping: AbortSignal;
  readonly logger: Logger;
}

const cardPath = "/a2a/:agent/.well-known/agent-card.json";
const wrongMethod = { reason: "method_not_allowed" } as const;
/** What only reads; everything else begins, answers or ends a task. */
const readingMethods: ReadonlySet<unknown> = new Set(["GetTask", "ListTasks", "SubscribeToTask"]);
/** An absent header stands for the version before this one. */
const oldVersion = "0.3";

/**
 * The door of A2A 1.0: each registered agent at `/a2a/{id or name}`, with its card and the JSON-RPC binding. All of it
 * needs a credential: agents belong to a tenant, which only the credential tells.
 */
export function openA2a(deps: OpenA2aDeps): Hono {
  const app = new Hono();
  const guarded = { guard: createOriginGuard(deps.config), authenticator: deps.authenticator };
  app.get(cardPath, (c) =>
    answering(guarded, c, async (principal) => {
      assertScope(principal, "agents:read");
      const agent = await findAgent(deps, principal, c.req.param("agent"));
      return c.json(AgentCard.toJSON(toAgentCard(agent, originOf(c.req.raw, deps.config.publicUrl))));
    }),
  );
  app.post("/a2a/:agent", (c) =>
    answering(guarded, c, async (principal) => {
      const message = (await readMessage(c.req.raw)) as Record<string, unknown>;
      assertScope(principal, scopeOf(message["method"]));
      const agent = await findAgent(deps, principal, c.req.param("agent"));
      return callAgent(deps, c.req.raw, { agent, principal, message });
    }),
  );
  app.all("/a2a/:agent", () => refusal(new AppError("invalid_argument", "agents are asked by POST", wrongMethod)));
  return app;
}

/** What every request needs before it is looked at; what is refused has the shape of JSON-RPC. */
async function answering(
  { guard, authenticator }: { readonly guard: OriginGuard; readonly authenticator: Authenticator },
  c: Context,
  answer: (principal: Principal) => Promise<Response>,
): Promise<Response> {
  try {
    guard.check(c.req.raw.headers);
    const { principal } = await signIn(authenticator, c.req.raw.headers);
    return await answer(principal);
  } catch (caught) {
    return refusal(toAppError(caught));
  }
}

function scopeOf(method: unknown): Scope {
  return readingMethods.has(method) ? "tasks:read" : "tasks:write";
}

async function findAgent({ agents }: OpenA2aDeps, { tenantId }: Principal, idOrName: string): Promise<Agent> {
  const agent = await agents.find(tenantId, idOrName);
  // the mesh's own agent runs tools, and is nobody to talk to
  if (agent !== undefined && agent.name !== reservedAgentName) return agent;
  throw new AppError("not_found", `no agent ${JSON.stringify(idOrName)}`);
}

interface AgentCall {
  readonly agent: Agent;
  readonly principal: Principal;
  readonly message: Record<string, unknown>;
}

async function callAgent(
  deps: OpenA2aDeps,
  request: Request,
  { agent, principal, message }: AgentCall,
): Promise<Response> {
  const gone = new AbortController();
  const signal = AbortSignal.any([request.signal, deps.stopping, gone.signal]);
  const traceparent = parseTraceparent(request.headers.get("traceparent") ?? undefined);
  const asked = { agent, principal, origin: originOf(request, deps.config.publicUrl), traceparent, signal };
  const report = (err: unknown): void => deps.logger.error({ err, agentId: agent.id }, "an A2A request failed");
  const handler = tellOfFailures(createRequestHandler(deps, asked), report);
  const requestedVersion = request.headers.get(A2A_VERSION_HEADER) ?? oldVersion;
  const answer = await handle(handler, message, requestedVersion);
  if (!(Symbol.asyncIterator in answer)) return Response.json(answer);
  const text = writeStream(answer, (error) => toErrorAnswer(message, toA2aError(error, report)));
  return new Response(
    toBody(text, () => gone.abort()),
    { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } },
  );
}

async function handle(handler: A2ARequestHandler, message: Record<string, unknown>, requestedVersion: string) {
  try {
    validateVersion(requestedVersion, await handler.getAgentCard(), "JSONRPC");
    return await new JsonRpcTransportHandler(handler).handle(message, new ServerCallContext({ requestedVersion }));
  } catch (error) {
    return toErrorAnswer(message, error);
  }
}

function toErrorAnswer({ id }: Record<string, unknown>, error: unknown) {
  const isId = typeof id === "string" || typeof id === "number";
  return { jsonrpc: "2.0", id: isId ? id : null, error: JsonRpcTransportHandler.mapToJSONRPCError(error) };
}
