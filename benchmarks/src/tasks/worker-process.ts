// The process of a peer's workers: argv is the peer's name and its target as JSON. Its parent says "start" and "stop"; it
// answers each, and tells every 20 ms which tasks were started, and when.
import { isPeerName, peers } from "./peers.ts";

const [name = "", target = "null"] = process.argv.slice(2);
if (!isPeerName(name)) throw new Error(`no peer ${JSON.stringify(name)}`);
const peer = peers[name];
process.once("disconnect", () => process.exit());

let started: number[][] = [];
let stop: (() => Promise<void>) | undefined;

function tell(message: object): void {
  process.send?.({ ...message, started });
  started = [];
}

process.on("message", (order: "start" | "stop") => {
  void carryOut(order).then(() => tell({ done: order }));
});

async function carryOut(order: "start" | "stop"): Promise<void> {
  if (order === "stop") await stop?.();
  else
    stop = await peer.startWorkers(JSON.parse(target), ({ number, submittedAtMs }) => {
      started.push([number, performance.timeOrigin + performance.now(), submittedAtMs]);
    });
}

setInterval(() => {
  if (started.length > 0) tell({});
}, 20);
