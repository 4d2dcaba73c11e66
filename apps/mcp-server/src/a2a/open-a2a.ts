import { A2A_VERSION_HEADER, AgentCard } from "@a2a-js/sdk";
import {
  type A2ARequestHandler,
  JsonRpcTransportHandler,
  ServerCallContext,
  validateVersion,
} from "@a2a-js/sdk/server";
import { assertScope, type Principal, type Scope } from "@devmesh/auth";
import { type Agent, AppError, isStorable, parseTraceparent, reservedAgentName, toAppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { toBody } from "@devmesh/runtime";
import { type Context, Hono } from "hono";
import { addressOf, admit } from "../http/admit.ts";
import { echoedId } from "../http/json-rpc.ts";
import type { Door } from "../http/open-door.ts";
import { originOf } from "../http/origin-of.ts";
import { readMessage } from "../http/read-message.ts";
import { methodNotAllowed, refusal } from "../http/refusal.ts";
import type { SignedIn } from "../http/sign-in.ts";
import type { A2aDeps } from "./a2a-deps.ts";
import { toA2aError } from "./a2a-errors.ts";
import { toAgentCard } from "./agent-card.ts";
import { assertForm } from "./assert-form.ts";
import { createRequestHandler } from "./request-handler.ts";
import { tellOfFailures } from "./tell-of-failures.ts";
import { writeStream } from "./write-stream.ts";

/** What the A2A door stands on. */
export interface OpenA2aDeps extends A2aDeps {
  readonly door: Door;
  readonly config: { readonly publicUrl: string | undefined };
  /** Ends what waits and streams. */
  readonly stopping: AbortSignal;
  readonly logger: Logger;
}

const cardPath = "/a2a/:agent/.well-known/agent-card.json";
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
  app.get(cardPath, (c) =>
    answer(deps, c, async ({ principal }) => {
      assertScope(principal, "agents:read");
      const agent = await findAgent(deps, principal, c.req.param("agent"));
      return c.json(AgentCard.toJSON(toAgentCard(agent, originOf(c.req.raw, deps.config.publicUrl))));
    }),
  );
  app.post("/a2a/:agent", (c) =>
    answer(deps, c, async (signedIn) => {
      const { principal } = signedIn;
      const message = (await readMessage(c.req.raw)) as Record<string, unknown>;
      assertScope(principal, scopeOf(message["method"]));
      const agent = await findAgent(deps, principal, c.req.param("agent"));
      return callAgent(deps, c.req.raw, { ...signedIn, agent, message });
    }),
  );
  app.all("/a2a/:agent", () => refusal(methodNotAllowed("agents are asked by POST")));
  return app;
}

/** Lets a request in, and has it answered; what is refused has the shape of JSON-RPC. */
async function answer(
  { door, logger }: OpenA2aDeps,
  c: Context,
  work: (signedIn: SignedIn) => Promise<Response>,
): Promise<Response> {
  try {
    door.guard.check(c.req.raw.headers);
    return await work(await admit(door, c.req.raw.headers, addressOf(c.env)));
  } catch (caught) {
    const error = toAppError(caught);
    if (error.code === "internal") logger.error({ err: caught }, "an A2A request failed");
    return refusal(error, null, error.code === "unauthenticated" ? { "www-authenticate": "Bearer" } : {});
  }
}

function scopeOf(method: unknown): Scope {
  return readingMethods.has(method) ? "tasks:read" : "tasks:write";
}

async function findAgent({ agents }: OpenA2aDeps, { tenantId }: Principal, idOrName: string): Promise<Agent> {
  const agent = isStorable(idOrName) ? await agents.find(tenantId, idOrName) : undefined;
  // the mesh's own agent runs tools, and is nobody to talk to
  if (agent !== undefined && agent.name !== reservedAgentName) return agent;
  throw new AppError("not_found", `no agent ${JSON.stringify(idOrName)}`);
}

interface AgentCall extends SignedIn {
  readonly agent: Agent;
  readonly message: Record<string, unknown>;
}

async function callAgent(
  deps: OpenA2aDeps,
  request: Request,
  { agent, principal, credential, message }: AgentCall,
): Promise<Response> {
  const { door, config, stopping, logger } = deps;
  const gone = new AbortController();
  const signal = AbortSignal.any([request.signal, stopping, gone.signal]);
  const traceparent = parseTraceparent(request.headers.get("traceparent") ?? undefined);
  const asked = { agent, principal, origin: originOf(request, config.publicUrl), traceparent, signal };
  const report = (err: unknown): void => logger.error({ err, agentId: agent.id }, "an A2A request failed");
  const handler = tellOfFailures(createRequestHandler(deps, asked), report);
  const requestedVersion = request.headers.get(A2A_VERSION_HEADER) ?? oldVersion;
  const answered = await handle(handler, message, requestedVersion);
  if (!(Symbol.asyncIterator in answered)) return Response.json(answered);
  door.streams.assertRoom(principal.tenantId);
  const leave = door.streams.add({ principal, credential, kind: "listen", end: () => gone.abort() });
  const text = writeStream(answered, (error) => toErrorAnswer(message, toA2aError(error, report)));
  const body = toBody(text, () => {
    leave();
    gone.abort();
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
}

async function handle(handler: A2ARequestHandler, message: Record<string, unknown>, requestedVersion: string) {
  try {
    validateVersion(requestedVersion, await handler.getAgentCard(), "JSONRPC");
    assertForm(message);
    return await new JsonRpcTransportHandler(handler).handle(message, new ServerCallContext({ requestedVersion }));
  } catch (error) {
    return toErrorAnswer(message, error);
  }
}

function toErrorAnswer(message: Record<string, unknown>, error: unknown) {
  return { jsonrpc: "2.0", id: echoedId(message), error: JsonRpcTransportHandler.mapToJSONRPCError(error) };
}
