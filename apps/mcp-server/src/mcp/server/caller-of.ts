import type { AuthInfo, ClientCapabilities, McpServer, ServerContext } from "@modelcontextprotocol/server";
import { principalOf } from "../../http/sign-in.ts";
import type { Caller, Era } from "../caller.ts";

/** The extension by which calls turn into tasks. */
export const tasksExtension = "io.modelcontextprotocol/tasks";

/** Who calls a server. What its client can do is read when it is asked for: a session learns it after it was made. */
export function callerOf(server: McpServer, authInfo: AuthInfo | undefined, era: Era): Caller {
  return {
    principal: principalOf(authInfo),
    era,
    get client() {
      return abilitiesOf(server.server.getClientCapabilities());
    },
  };
}

/** Who sent this request: a session goes on when its credential is another one. */
export function principalNow({ principal }: Caller, { http }: ServerContext): Caller["principal"] {
  return http?.authInfo === undefined ? principal : principalOf(http.authInfo);
}

function abilitiesOf(capabilities: ClientCapabilities | undefined): Caller["client"] {
  const { elicitation, extensions } = capabilities ?? {};
  return {
    // forms alone were there before modes had names
    elicitsForms: elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined),
    takesTasks: extensions?.[tasksExtension] !== undefined,
  };
}
