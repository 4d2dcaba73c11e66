import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Connect, outputOf, type Target } from "./mcp-client.ts";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../../node_modules/mcporter/dist/cli.js", import.meta.url));

/** mcporter: a program that is started anew for each call. */
export const connectMcporter: Connect = async (target) => ({
  async listTools() {
    const { tools } = JSON.parse(await mcporter(target, ["list", "--json"]));
    return tools.map(({ name }: { readonly name: string }) => name);
  },
  async call(tool, args) {
    const given = ["call", "--tool", tool, "--args", JSON.stringify(args), "--output", "json"];
    const structuredContent = JSON.parse(await mcporter(target, given));
    return outputOf({ structuredContent, isError: "error" in structuredContent });
  },
  [Symbol.asyncDispose]: () => Promise.resolve(),
});

async function mcporter({ url, apiKey }: Target, [command = "", ...args]: readonly string[]): Promise<string> {
  const server = ["--http-url", url, "--allow-http", "--header", `Authorization=Bearer ${apiKey}`, "--name", "mesh"];
  try {
    return (await run(process.execPath, [program, command, ...server, ...args])).stdout;
  } catch (error) {
    // it ends with 1 where the tool failed, and says on its standard output how
    const { stdout } = error as { readonly stdout?: string };
    if (stdout?.startsWith("{") === true) return stdout;
    throw error;
  }
}
