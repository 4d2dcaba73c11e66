import type { PullStore } from "@devmesh/agents";
import type { Metrics } from "@devmesh/observability";
import type { Resource } from "@modelcontextprotocol/server";
import type { ServerPart } from "../server/server-part.ts";
import { toInboxItem } from "../tools/messages/inbox-item.ts";
import { type HearChangesDeps, hearChanges } from "./hear-changes.ts";
import { type ResourcesPartDeps, resourcesPart } from "./resources-part.ts";
import { createResourceWatch, type ResourceWatch, type ResourceWatchDeps } from "./watch-resources.ts";
import { createWatchedResources } from "./watched-resources.ts";

/** What resources of a node are opened with. */
export interface OpenResourcesOptions
  extends Omit<ResourcesPartDeps, "readInbox" | "today" | "watch" | "others">,
    Pick<ResourceWatchDeps, "isOther"> {
  readonly pull: Pick<PullStore, "readInbox">;
  readonly hints: HearChangesDeps["hints"];
  readonly metrics: Metrics;
}

/** The resources of a node, and who watches them. Disposal ends the hearing. */
export interface Resources extends AsyncDisposable {
  readonly watch: ResourceWatch;
  /** `others`: what other parts register by fixed URIs. */
  part(others: readonly Resource[]): ServerPart;
}

/** Watches of a node. Each costs some hundred bytes, and nothing until what it watches changes. Judgement. */
const maxWatches = 50_000;

/** Makes them. Nothing is heard before somebody watches. */
export function openResources({ pull, hints, metrics, isOther, ...deps }: OpenResourcesOptions): Resources {
  const watched = createWatchedResources(maxWatches);
  metrics.gauge({
    name: "devmesh_mcp_resource_watches",
    help: "Resources that clients of this node have subscribed",
    read: () => watched.size,
  });
  const hearing = hearChanges({ ...deps, watched, hints });
  const watch = createResourceWatch({ ...deps, watched, hearing, isOther });
  const readInbox: ResourcesPartDeps["readInbox"] = async (ref, limit) => {
    const inbox = await pull.readInbox(ref, { limit });
    return (inbox?.frames ?? []).map(toInboxItem);
  };
  return {
    watch,
    part: (others) => resourcesPart({ ...deps, readInbox, today: () => new Date(), watch, others }),
    [Symbol.asyncDispose]: () => hearing[Symbol.asyncDispose](),
  };
}
