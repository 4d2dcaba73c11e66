import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { checkPorts } from "./check-ports.ts";

const host = "127.0.0.1";

it("names every taken port with its variable, and lets free ones and 0 pass", async () => {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const free = { variable: "C", host, port: 0 };
  await expect(checkPorts([{ variable: "A", host, port }, free])).rejects.toThrow(
    `port ${port} is in use: set A to another port`,
  );
  server.close();
  await once(server, "close");
  await checkPorts([{ variable: "A", host, port }, free, free]);
  await expect(
    checkPorts([
      { variable: "A", host, port },
      { variable: "B", host, port },
    ]),
  ).rejects.toThrow(`port ${port} is asked for twice: set B to another port`);
});
