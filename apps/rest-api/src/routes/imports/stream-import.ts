import { type ImportJob, isImportOver } from "@devmesh/models";
import { toBody } from "@devmesh/runtime";
import { z } from "@hono/zod-openapi";
import type { CollectionWatch } from "../../collection-waiters.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { importExample, importParams } from "../../schemas/import-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findImport } from "./read-imports.ts";

type StreamDeps = Pick<RouteDeps, "imports" | "collectionWaiters" | "stopping" | "keepAliveMs" | "logger">;

/** `GET /imports/{id}/stream` */
export function streamImport(deps: StreamDeps): Route {
  return defineRoute({
    method: "get",
    path: "/imports/{id}/stream",
    operationId: "streamImport",
    tag: "Imports",
    summary: "Follow an import as server-sent events",
    description:
      "Events `progress`, `data:` the import without `errors`: as it is now, and then whenever it got on, five times a second " +
      "at most. Ends after its final state. One that comes again begins with the import as it is then.",
    scope: "search:read",
    params: importParams,
    success: {
      status: 200,
      description: "The stream.",
      data: z.string(),
      mediaType: "text/event-stream",
      example: toServerSentEvent(importExample),
    },
    errors: ["not_found"],
    async handle(request) {
      const job = await findImport(deps, request);
      const { principal, signal, requestId } = request;
      const watch = deps.collectionWaiters.watch({ tenantId: principal.tenantId, collectionId: job.collectionId });
      const ended = new AbortController();
      const end = (err?: unknown): void => {
        if (err !== undefined) deps.logger.warn({ err, requestId, importId: job.id }, "import stream broke off");
        ended.abort();
        watch[Symbol.dispose]();
      };
      // a client may go away before it reads anything
      signal.addEventListener("abort", () => end(), { once: true });
      const find = (): Promise<ImportJob | undefined> => deps.imports.find(principal.tenantId, job.id);
      const whole = AbortSignal.any([signal, deps.stopping, ended.signal]);
      const source = writeProgress({ find, watch, signal: whole, keepAliveMs: deps.keepAliveMs });
      const headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
      };
      return new Response(toBody(source, end), { headers });
    },
  });
}

/** What progress is written from. */
export interface ProgressOptions {
  readonly find: () => Promise<ImportJob | undefined>;
  readonly watch: Pick<CollectionWatch, "changed">;
  readonly signal: AbortSignal;
  readonly keepAliveMs: number;
}

/** Writes an import's progress until it is over, or gone. A comment goes out when nothing else does. */
export async function* writeProgress(options: ProgressOptions): AsyncGenerator<string, void> {
  const { find, watch, signal, keepAliveMs } = options;
  let last = "";
  let sentAt = performance.now();
  while (!signal.aborted) {
    const job = await find();
    if (job === undefined) return;
    const event = toServerSentEvent(job);
    if (event !== last) {
      yield event;
      [last, sentAt] = [event, performance.now()];
    } else if (performance.now() - sentAt >= keepAliveMs) {
      yield ": keep-alive\n\n";
      sentAt = performance.now();
    }
    if (isImportOver(job.state)) return;
    await watch.changed(keepAliveMs, signal);
  }
}

function toServerSentEvent({ errors: _errors, ...job }: ImportJob): string {
  // JSON holds no line break, which would end the field
  return `event: progress\ndata: ${JSON.stringify(job)}\n\n`;
}
