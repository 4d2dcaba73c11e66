import type { RequestId } from "@modelcontextprotocol/server";
import type { JSONRPCRequestMessage } from "./messages.ts";

/** Requests of the client that were not answered yet. */
export interface InFlight {
  /** Remembers a request; the signal aborts when it is cancelled. A second one of the same id replaces the first. */
  begin(request: JSONRPCRequestMessage): AbortSignal;
  /** Cancels one; false where it is not known. */
  cancel(id: RequestId): boolean;
  /** Forgets one, because it was answered; undefined where it was before. */
  end(id: RequestId): JSONRPCRequestMessage | undefined;
  find(id: RequestId): JSONRPCRequestMessage | undefined;
}

/** Starts with none. */
export function createInFlight(): InFlight {
  const requests = new Map<RequestId, { readonly request: JSONRPCRequestMessage; readonly abort: AbortController }>();
  return {
    begin(request) {
      const abort = new AbortController();
      requests.set(request.id, { request, abort });
      return abort.signal;
    },
    cancel(id) {
      const found = requests.get(id);
      requests.delete(id);
      found?.abort.abort();
      return found !== undefined;
    },
    end(id) {
      const found = requests.get(id);
      requests.delete(id);
      return found?.request;
    },
    find: (id) => requests.get(id)?.request,
  };
}
