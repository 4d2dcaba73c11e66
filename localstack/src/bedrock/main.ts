// usage: pnpm bedrock [--port 4567] [--host 127.0.0.1]
// Stands in for Bedrock until Ctrl-C: point DEVMESH_BEDROCK_ENDPOINT at it. Faults: see localstack/README.md.
import { parseArgs } from "node:util";
import { shutdownSignal } from "@devmesh/runtime";
import { startBedrockStandIn } from "./bedrock-stand-in.ts";

const { values } = parseArgs({
  options: { port: { type: "string", default: "4567" }, host: { type: "string", default: "127.0.0.1" } },
});
const port = Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error(`bedrock stand-in: --port ${values.port} is none of 0 to 65535`);
  process.exit(2);
}
const signal = shutdownSignal({ deadlineMs: 5_000 });
await using standIn = await startBedrockStandIn({ port, host: values.host });
console.log(`Bedrock's stand-in listens on ${standIn.endpoint} (HTTP/2, prior knowledge)`);
if (!signal.aborted) await new Promise((stop) => signal.addEventListener("abort", stop, { once: true }));
