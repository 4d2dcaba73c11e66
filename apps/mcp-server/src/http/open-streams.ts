import type { Principal } from "@devmesh/auth";
import { AppError, type TenantId } from "@devmesh/models";

/** What kind of response it is: the answer of a request, a subscription (modern), or a session's own stream. */
export type StreamKind = "request" | "listen" | "session";

/** A response of events that is open. */
export interface OpenResponse {
  readonly principal: Principal;
  readonly credential: string;
  readonly kind: StreamKind;
  /** Ends it as gracefully as its kind can be. */
  end(): void;
}

/** How many responses a node keeps open for nothing but news. */
export interface StreamLimits {
  readonly max: number;
  readonly maxPerTenant: number;
}

/** The responses of events of one node. */
export interface OpenStreams {
  /** @throws AppError `resource_exhausted`, reason `too_many_streams`, for one more of a kind that waits for news. */
  assertRoom(tenantId: TenantId): void;
  /** The answer takes it out again, and may be called twice. */
  add(stream: OpenResponse): () => void;
  all(): readonly OpenResponse[];
  countOf(kind: StreamKind): number;
}

/** Until one that found no room tries again. Judgement. */
const retryAfterMs = 5_000;

export function createOpenStreams({ max, maxPerTenant }: StreamLimits): OpenStreams {
  const streams = new Set<OpenResponse>();
  const waiting = (): readonly OpenResponse[] => [...streams].filter(({ kind }) => kind !== "request");

  return {
    assertRoom(tenantId) {
      const open = waiting();
      const ofTenant = open.filter(({ principal }) => principal.tenantId === tenantId).length;
      const bound = open.length >= max ? max : maxPerTenant;
      if (open.length < max && ofTenant < maxPerTenant) return;
      const whose = bound === max ? "of this node" : "of the tenant on this node";
      throw new AppError("resource_exhausted", `open streams ${whose} exceed the limit of ${bound}`, {
        reason: "too_many_streams",
        retryAfterMs,
      });
    },
    add(stream) {
      streams.add(stream);
      return () => void streams.delete(stream);
    },
    all: () => [...streams],
    countOf: (kind) => [...streams].filter((stream) => stream.kind === kind).length,
  };
}
