import { once } from "node:events";
import { createServer } from "node:net";
import { AppError } from "@devmesh/models";

/** A port that is to be listened on, and the variable that sets it. */
export interface WantedPort {
  readonly variable: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Looks whether ports are free, before anything is opened that takes time.
 *
 * @throws AppError `failed_precondition`, reason `port_in_use`, naming all that are not, with their variables.
 */
export async function checkPorts(wanted: readonly WantedPort[]): Promise<void> {
  const problems: string[] = [];
  for (const { variable, host, port } of wanted) {
    const code = port === 0 ? undefined : await tryPort(host, port);
    if (code === "EADDRINUSE") problems.push(`port ${port} is in use: set ${variable} to another port`);
    else if (code !== undefined) problems.push(`port ${port} can't be listened on (${code}): set ${variable}`);
  }
  const twice = wanted.find(({ port }, index) => port !== 0 && wanted.findIndex((one) => one.port === port) < index);
  if (twice !== undefined)
    problems.push(`port ${twice.port} is asked for twice: set ${twice.variable} to another port`);
  if (problems.length === 0) return;
  throw new AppError("failed_precondition", problems.join("; "), { reason: "port_in_use" });
}

/** The error's code where it can't be listened on. */
async function tryPort(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return undefined;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "unknown";
  }
}
