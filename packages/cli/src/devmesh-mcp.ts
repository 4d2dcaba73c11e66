import { parseOptions } from "./bridge/options.ts";
import { runBridge } from "./run-bridge.ts";

const report = (text: string): void => void process.stderr.write(`devmesh-mcp: ${text}\n`);

const parsed = parseOptions(process.argv.slice(2), process.env);
if (parsed.kind === "exit") {
  (parsed.code === 0 ? process.stdout : process.stderr).write(parsed.text);
  process.exitCode = parsed.code;
} else {
  const ending = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => ending.abort());
  const { stdin, stdout } = process;
  // a client that is gone reads no more
  stdout.on("error", () => ending.abort());
  await runBridge(parsed.options, { stdin, stdout, report }, ending.signal);
}
