import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import {
  CLIENT_CAPABILITIES_META_KEY,
  createMcpHandler,
  type McpHttpHandler,
  MissingRequiredClientCapabilityError,
} from "@modelcontextprotocol/server";
import { echoedId, methodOf } from "../../http/json-rpc.ts";
import type { OpenStreams } from "../../http/open-streams.ts";
import { isEventStream, trackResponse } from "../../http/track-response.ts";
import type { Composed } from "../compose-server.ts";
import { busOf, type McpEvents } from "../events/mcp-events.ts";
import type { Exchange } from "../exchange.ts";
import type { ResourceWatch } from "../resources/watch-resources.ts";
import { tasksExtension } from "../server/caller-of.ts";
import { listenToTasks } from "./listen-to-tasks.ts";

export interface ModernDeps {
  readonly served: Composed;
  readonly watch: ResourceWatch;
  readonly events: Pick<McpEvents, "hear">;
  readonly streams: OpenStreams;
  readonly keepAliveMs: number;
  readonly logger: Logger;
}

/** Serves revision 2026-07-28: each request by a server of its own. */
export interface Modern extends AsyncDisposable {
  handle(exchange: Exchange): Promise<Response>;
}

export function serveModern(deps: ModernDeps): Modern {
  const { served, watch, streams, keepAliveMs, logger } = deps;
  const options = {
    legacy: "reject",
    keepAliveMs,
    onerror: (err: Error) => logger.debug({ err }, "mcp request refused"),
  } as const;
  const requests = createMcpHandler(served.create, options);

  /** A subscription has a handler of its own, whose bus hears of its tenant alone. */
  async function listen(exchange: Exchange): Promise<Response> {
    const { principal, message } = exchange;
    streams.assertRoom(principal.tenantId);
    const taskIds = taskIdsOf(message);
    const bus = busOf(deps.events, principal.tenantId);
    const handler = createMcpHandler(served.create, { ...options, bus: watch.overBus(bus) });
    const response = await askToListen(watch, handler, exchange);
    if (!isEventStream(response)) return response;
    const joined: Joined =
      taskIds === undefined ? { response } : await joinTasks(deps, response, { ...exchange, taskIds });
    const end = (): void => (joined.end === undefined ? void handler.close() : joined.end());
    try {
      // others may have come meanwhile
      streams.assertRoom(principal.tenantId);
    } catch (error) {
      end();
      void handler.close();
      void joined.response.body?.cancel();
      throw error;
    }
    return track(joined.response, exchange, { kind: "listen", end, onDone: () => void handler.close() });
  }

  function track(response: Response, { principal, credential }: Exchange, about: Tracked): Response {
    const tracked = trackResponse(response, () => {
      leave();
      about.onDone?.();
    });
    const end = about.end ?? tracked.cut;
    const leave = streams.add({ principal, credential, kind: about.kind, end });
    return tracked.response;
  }

  return {
    async handle(exchange) {
      const { request, message, authInfo } = exchange;
      if (methodOf(message) === "subscriptions/listen") return listen(exchange);
      const response = await requests.fetch(request, { parsedBody: message, authInfo });
      return isEventStream(response) ? track(response, exchange, { kind: "request" }) : response;
    },
    [Symbol.asyncDispose]: () => requests.close(),
  };
}

interface Tracked {
  readonly kind: "request" | "listen";
  readonly end?: () => void;
  readonly onDone?: () => void;
}

function askToListen(watch: ResourceWatch, handler: McpHttpHandler, exchange: Exchange): Promise<Response> {
  const { request, message, authInfo, principal } = exchange;
  return watch.listen(principal, message, (parsedBody) => handler.fetch(request, { parsedBody, authInfo }));
}

interface Joined {
  readonly response: Response;
  readonly end?: () => void;
}

function joinTasks(
  { served, keepAliveMs }: ModernDeps,
  response: Response,
  { message, principal, taskIds }: Exchange & { readonly taskIds: readonly string[] },
): Promise<Joined> {
  const { watchTasks } = served.tasks;
  return listenToTasks(response, { id: echoedId(message), principal, taskIds, watchTasks, keepAliveMs });
}

interface ListenParams {
  readonly _meta?: Readonly<Record<string, { readonly extensions?: Readonly<Record<string, unknown>> }>>;
  readonly notifications?: { readonly taskIds?: unknown };
}

/** @throws MissingRequiredClientCapabilityError for a client that doesn't know tasks. */
function taskIdsOf(message: unknown): readonly string[] | undefined {
  const { _meta, notifications } = (message as { readonly params?: ListenParams }).params ?? {};
  const taskIds = notifications?.taskIds;
  if (taskIds === undefined) return undefined;
  if (!Array.isArray(taskIds) || !taskIds.every((id) => typeof id === "string")) {
    throw new AppError("invalid_argument", "taskIds: must be a list of ids", { reason: "invalid_params" });
  }
  if (_meta?.[CLIENT_CAPABILITIES_META_KEY]?.extensions?.[tasksExtension] !== undefined) return taskIds;
  throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [tasksExtension]: {} } } });
}
