// An echo server to be measured beside: argv is `ws`, `socket.io`, or `socket.io-recovery`. Tells its parent its port. What
// the parent sends is emitted to everybody who is connected.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { WebSocketServer } from "ws";

const [kind = ""] = process.argv.slice(2);
process.once("disconnect", () => process.exit());
const http = createServer().listen(0, "127.0.0.1");
await once(http, "listening");

if (kind === "ws") {
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  server.on("connection", (socket) => socket.on("message", (data) => socket.send(data, { binary: true })));
} else {
  const recovery = { maxDisconnectionDuration: 120_000 };
  const server = new Server(http, kind === "socket.io" ? {} : { connectionStateRecovery: recovery });
  server.on("connection", (socket) => socket.on("echo", (data: Uint8Array) => socket.emit("echo", data)));
  process.on("message", (message) => server.emit("message", message));
}
process.send?.({ port: (http.address() as AddressInfo).port });
