import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the ports that systems give to outgoing connections and to listeners on port 0 (Linux: from 32768): those may be
 * taken at any moment, this one by nobody who was not told of it.
 */
const range = { from: 15_000, to: 32_000 };
/** So many taken ports in a row mean that something else is wrong. */
const maxTries = 50;

/** A port of 127.0.0.1 that nobody listened on a moment ago. For servers that can't choose one themselves. */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < maxTries; tries++) {
    const port = randomInt(range.from, range.to);
    if (await isFree(port)) return port;
  }
  throw new Error(`${maxTries} ports from ${range.from} to ${range.to} were taken`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false; // taken, or not to be had: another one will do
  }
  server.close();
  await once(server, "close");
  return true;
}
