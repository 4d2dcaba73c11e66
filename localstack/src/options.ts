import { parseArgs } from "node:util";

/** What the command line asks for. */
export type Command =
  | { readonly kind: "start"; readonly demo: boolean; readonly home: string }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly message: string };

export const usage = `Starts the whole mesh on this machine, with a database, a queue and three demo agents of its own.

usage: npm start [-- --no-demo] [--home DIR]

  --no-demo     start no demo agents and submit no tasks
  --home DIR    where data and keys are kept (default .devmesh)
  --help        this page

environment: DEVMESH_REST_PORT (8080), DEVMESH_MCP_PORT (8081), DEVMESH_WORKER_PORT (8082), DEVMESH_AWS_PORT (4566),
  DEVMESH_HOST (127.0.0.1), DEVMESH_LOG_LEVEL (warn), DEVMESH_HEARTBEAT_MS, DEVMESH_LEASE_MS, DEVMESH_ACCEPT_MS,
  DEVMESH_EMBEDDINGS (auto: Amazon Bedrock where AWS credentials and a region are set, else local), DEVMESH_BEDROCK_REGIONS
`;

/** Reads the arguments after the program's name. */
export function parseCommand(args: readonly string[]): Command {
  try {
    const { values } = parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        demo: { type: "boolean", default: true },
        home: { type: "string", default: ".devmesh" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    if (values.home === "") return { kind: "wrong", message: "--home needs a folder" };
    return { kind: "start", demo: values.demo, home: values.home };
  } catch (error) {
    // The first sentence names the option; what follows is about quoting.
    const [sentence = ""] = error instanceof Error ? error.message.split(". ", 1) : [];
    return { kind: "wrong", message: `${sentence.replaceAll("\n", " ")}: npm start -- --help lists the options` };
  }
}
