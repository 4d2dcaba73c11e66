import { openFleet } from "@devmesh/tests/fleet";
import { printTable, rounded } from "../figures.ts";
import { measureDelivered } from "./drops.ts";
import { measureEchoes } from "./echo.ts";
import { measureFanOut } from "./fan-out.ts";

const sizes = { rounds: 3, seconds: 3, agents: 1_000, turns: 5, drops: 4 };
/** Shows that the harness works. */
const quickSizes = { rounds: 1, seconds: 0.5, agents: 20, turns: 1, drops: 1 };

/** Echoes beside plain `ws` and Socket.IO, one broadcast to 1,000 agents, and what arrives when the network drops. */
export async function benchSockets({ isQuick = false } = {}): Promise<void> {
  const asked = isQuick ? quickSizes : sizes;
  await using fleet = await openFleet({ fsync: true, times: {} });
  const { devmesh, devmeshBatches, ws, socketIo } = await measureEchoes(fleet, asked);
  printTable(
    "Echo: 20 connections, frames of 225 bytes",
    ["", "frames a second", "to plain ws"],
    Object.entries({ ws, "socket.io": socketIo, devmesh, "devmesh, 100 a batch": devmeshBatches }).map(
      ([name, perSecond]) => [name, rounded(perSecond), rounded(perSecond / ws, 2)],
    ),
  );
  const fanOutMs = await measureFanOut(fleet, asked);
  printTable("Broadcast, durable", ["agents", "ms until all have heard it"], [[asked.agents, rounded(fanOutMs, 1)]]);
  const delivered = await measureDelivered(fleet, asked.drops);
  printTable(
    `Delivery through ${asked.drops} drops of 2 s, 50 messages a second`,
    ["", "% that arrived"],
    [
      ["devmesh", rounded(delivered.devmesh * 100, 1)],
      ["socket.io", rounded(delivered.socketIo * 100, 1)],
      ["socket.io with connection state recovery", rounded(delivered.socketIoRecovery * 100, 1)],
    ],
  );
}
