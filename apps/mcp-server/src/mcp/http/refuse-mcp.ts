import { defaultScopesOf } from "@devmesh/auth";
import { type AppError, toAppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { ProtocolError } from "@modelcontextprotocol/server";
import { echoedId } from "../../http/json-rpc.ts";
import { protocolRefusal, refusal } from "../../http/refusal.ts";
import { challengeOf } from "../../http/sign-in.ts";
import type { Incoming } from "./incoming.ts";

/** What `/mcp` is asked by, beside a page's OPTIONS. */
export const mcpMethods: readonly string[] = ["POST", "GET", "DELETE"];

/** Answers a request of `/mcp` that came to nothing, with the challenge where another credential would have been let in. */
export function refuseMcp(logger: Logger, caught: unknown, { message, metadataUrl, needed }: Incoming): Response {
  const id = echoedId(message);
  if (caught instanceof ProtocolError) return protocolRefusal(caught, id);
  const error = toAppError(caught);
  if (error.code === "internal") logger.error({ err: caught }, "mcp request failed");
  else logger.debug({ err: caught }, "mcp request refused");
  const isScope = error.reason === "insufficient_scope";
  if (error.code !== "unauthenticated" && !isScope) return refusal(error, id, allowOf(error));
  // who has no credential yet is told what an agent usually has
  const challenge = challengeOf(error, metadataUrl, needed ?? defaultScopesOf("agt"));
  return refusal(error, id, { "www-authenticate": challenge });
}

function allowOf(error: AppError): Readonly<Record<string, string>> {
  return error.reason === "method_not_allowed" ? { allow: [...mcpMethods, "OPTIONS"].join(", ") } : {};
}
