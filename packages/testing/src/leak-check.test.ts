import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { checkLeaks, watchLeaks } from "./leak-check.ts";
import { startProcess } from "./start-process.ts";
import { waitFor } from "./wait-for.ts";

checkLeaks();

test("names what is open, until it is closed", async () => {
  const findLeaks = watchLeaks();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const child = await startProcess(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const timer = setTimeout(() => undefined, 60_000);
  expect([...findLeaks()].sort()).toEqual(["1 ProcessWrap", "1 TCPServerWrap", "1 Timeout"]);
  clearTimeout(timer);
  server.close();
  await child.kill();
  await waitFor(() => findLeaks().length === 0);
});
