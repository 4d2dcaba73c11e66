import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { canonicalJson } from "@devmesh/models";
import type { Caller } from "../caller.ts";

/** The one request that a state belongs to. */
export interface StateOwner {
  readonly caller: Caller;
  readonly method: "tools/call" | "prompts/get" | "resources/read";
  /** The tool, the prompt or the URI. */
  readonly name: string;
  readonly arguments: unknown;
}

/** What a request left behind when it asked for a person's answer. */
export interface RequestState {
  /** The keys of what was asked. */
  readonly asked: readonly string[];
  readonly state?: unknown;
}

/** Keeps the state of a request with its client: signed, so that it comes back unchanged, and readable. */
export interface RequestStates {
  seal(owner: StateOwner, state: RequestState): string;
  /** Undefined for what was forged, is another request's or principal's, or too old. */
  open(owner: StateOwner, sealed: string): RequestState | undefined;
}

export interface RequestStatesOptions {
  /** The same on every node. */
  readonly secret: string;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
}

/** A person may take so long. Judgement. */
const maxAgeMs = 60 * 60_000;
/** Far above what any of our tools keeps. */
const maxSealedLength = 64 * 1024;

/** Signs with HMAC-SHA256 over owner, time and state; the key is derived from `secret`. */
export function createRequestStates({ secret, now }: RequestStatesOptions): RequestStates {
  const key = createHmac("sha256", secret).update("devmesh mcp request state 1").digest();

  function sign(owner: StateOwner, body: string): Buffer {
    return createHmac("sha256", key)
      .update(`${digestOf(owner)}.${body}`)
      .digest();
  }

  return {
    seal(owner, state) {
      const body = Buffer.from(JSON.stringify({ ...state, until: now() + maxAgeMs })).toString("base64url");
      return `${body}.${sign(owner, body).toString("base64url")}`;
    },
    open(owner, sealed) {
      if (sealed.length > maxSealedLength) return undefined;
      const [body = "", signature = "", ...rest] = sealed.split(".");
      const given = Buffer.from(signature, "base64url");
      const expected = sign(owner, body);
      if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
      // ours, because it is signed
      const { until, ...state } = JSON.parse(Buffer.from(body, "base64url").toString()) as RequestState & {
        readonly until: number;
      };
      return until >= now() ? state : undefined;
    },
  };
}

function digestOf({ caller, method, name, arguments: given }: StateOwner): string {
  const { tenantId, id } = caller.principal;
  return createHash("sha256")
    .update(canonicalJson([tenantId, id, method, name, given ?? {}]))
    .digest("base64url");
}
