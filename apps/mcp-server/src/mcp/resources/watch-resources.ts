import { AsyncLocalStorage } from "node:async_hooks";
import type { Principal } from "@devmesh/auth";
import { AppError } from "@devmesh/models";
import type { ServerEventBus } from "@modelcontextprotocol/server";
import type { Hearing } from "./hear-changes.ts";
import type { ResourceDeps } from "./resource-deps.ts";
import { subjectOf } from "./subject-of.ts";
import type { Subject, WatchedResources } from "./watched-resources.ts";

/** Subscriptions to resources, of both generations of the protocol. */
export interface ResourceWatch {
  /**
   * Serves a `subscriptions/listen`: `serve` gets the message without the URIs that can't be watched, and the bus
   * listener that it adds meanwhile hears of the others. A message that asks for no resource goes on as it is.
   *
   * @throws AppError `resource_exhausted`, reason `too_many_subscriptions`.
   */
  listen<Message>(
    principal: Principal,
    message: Message,
    serve: (message: Message) => Promise<Response>,
  ): Promise<Response>;
  /** The bus, but that listeners of {@link listen} hear of their resources, too. */
  overBus(bus: ServerEventBus): ServerEventBus;
  /** Of the older generation: `tell` hears until the answer is called. @throws as {@link subjectOf} */
  subscribe(principal: Principal, uri: string, tell: (uri: string) => void): Promise<() => void>;
}

/** Of one stream. More are not honoured, and the acknowledgement says so. Judgement. */
const maxUris = 100;

interface Listening {
  readonly subject: Subject;
  readonly uri: string;
}

/** What watching stands on. */
export interface ResourceWatchDeps extends Pick<ResourceDeps, "taskReads" | "agents" | "knowledge"> {
  readonly watched: WatchedResources;
  readonly hearing: Pick<Hearing, "begin">;
  /** Of a URI that is none of ours: whether somebody else offers it, who then tells of its changes, too. */
  readonly isOther: (uri: string) => boolean;
}

/** Watches what may be read. */
export function createResourceWatch(deps: ResourceWatchDeps): ResourceWatch {
  const { watched, hearing, isOther } = deps;
  const listening = new AsyncLocalStorage<readonly Listening[]>();

  /** What may be watched, in the order asked; who asks for what is not there learns it by the acknowledgement. */
  async function honour(principal: Principal, uris: readonly string[]): Promise<readonly Listening[]> {
    const found = await Promise.all(
      uris.map(async (uri) => {
        const subject = await subjectOf(deps, principal, uri).catch(unlessFailed);
        return subject === undefined ? [] : [{ subject, uri }];
      }),
    );
    return found.flat();
  }

  return {
    async listen(principal, message, serve) {
      const asked = urisOf(message);
      if (asked === undefined) return serve(message);
      const uris = [...new Set(asked)].slice(0, maxUris);
      const honoured = await honour(
        principal,
        uris.filter((uri) => !isOther(uri)),
      );
      watched.assertRoom(principal.tenantId, honoured.length);
      if (honoured.length > 0) await hearing.begin();
      const kept = [...honoured.map(({ uri }) => uri), ...uris.filter(isOther)];
      return listening.run(honoured, () => serve(withUris(message, kept)));
    },
    overBus: (bus) => ({
      publish: (event) => bus.publish(event),
      subscribe(listener) {
        const tell = (uri: string): void => listener({ kind: "resource_updated", uri });
        const ends = [
          bus.subscribe(listener),
          ...(listening.getStore() ?? []).map(({ subject, uri }) => watched.add(subject, { uri, tell })),
        ];
        return () => {
          for (const end of ends) end();
        };
      },
    }),
    async subscribe(principal, uri, tell) {
      if (isOther(uri)) return () => undefined;
      const subject = await subjectOf(deps, principal, uri);
      watched.assertRoom(principal.tenantId, 1);
      await hearing.begin();
      return watched.add(subject, { uri, tell });
    },
  };
}

function unlessFailed(error: unknown): undefined {
  const isRefusal = error instanceof AppError && refusals.has(error.code);
  if (!isRefusal) throw error;
}

const refusals: ReadonlySet<AppError["code"]> = new Set(["not_found", "permission_denied", "failed_precondition"]);

/** Undefined where the message is no listen, asks for no resource, or is one that the SDK will refuse. */
function urisOf(message: unknown): readonly string[] | undefined {
  const { method, params } = (message ?? {}) as Partial<ListenMessage>;
  if (method !== "subscriptions/listen") return undefined;
  const uris = params?.notifications?.resourceSubscriptions;
  return Array.isArray(uris) && uris.every((uri) => typeof uri === "string") ? uris : undefined;
}

interface ListenMessage {
  readonly method: string;
  readonly params?: { readonly notifications?: { readonly resourceSubscriptions?: readonly string[] } };
}

function withUris<Message>(message: Message, uris: readonly string[]): Message {
  const { params } = message as ListenMessage;
  const notifications = { ...params?.notifications, resourceSubscriptions: [...uris] };
  return { ...message, params: { ...params, notifications } };
}
