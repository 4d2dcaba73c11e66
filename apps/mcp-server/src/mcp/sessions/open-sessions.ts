import { randomUUID } from "node:crypto";
import { AppError } from "@devmesh/models";
import {
  type AuthInfo,
  isInitializeRequest,
  type McpServerFactory,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { principalOf } from "../http/sign-in.ts";

/** Sessions of the older generation. */
export interface Sessions extends AsyncDisposable {
  /** @throws AppError `not_found` for a session that is none, or somebody else's. */
  handle(request: Request, options: { readonly parsedBody: unknown; readonly authInfo: AuthInfo }): Promise<Response>;
}

export interface SessionsDeps {
  readonly createServer: McpServerFactory;
}

interface Session {
  readonly principalId: string;
  readonly transport: WebStandardStreamableHTTPServerTransport;
}

export function openSessions({ createServer }: SessionsDeps): Sessions {
  const sessions = new Map<string, Session>();

  async function begin(request: Request, authInfo: AuthInfo): Promise<Session> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, session),
    });
    const session = { principalId: principalOf(authInfo).id, transport };
    const server = await createServer({ era: "legacy", authInfo, requestInfo: request });
    await server.connect(transport);
    return session;
  }

  return {
    handle: async (request, { parsedBody, authInfo }) => {
      const id = request.headers.get("mcp-session-id");
      const session =
        id === null && isInitializeRequest(parsedBody) ? await begin(request, authInfo) : sessions.get(id ?? "");
      if (id === null && session === undefined) {
        throw new AppError("invalid_argument", "the header Mcp-Session-Id is needed, or an initialize request");
      }
      if (session === undefined || session.principalId !== principalOf(authInfo).id) {
        throw new AppError("not_found", "no such session: initialize again", { reason: "session" });
      }
      return session.transport.handleRequest(request, { parsedBody, authInfo });
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...sessions.values()].map(({ transport }) => transport.close()));
      sessions.clear();
    },
  };
}
