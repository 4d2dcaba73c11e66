import { once } from "node:events";
import { connect } from "node:net";
import type { Cell } from "../run-cell.ts";

/** Valkey goes, comes back empty, and is emptied while it runs. */
export const loseValkey: Cell = {
  name: "Valkey killed and flushed",
  disturb: async ({ fleet: { services } }, chance) => {
    for (let number = 0; !chance.signal.aborted; number++) {
      if (number % 2 === 0) {
        await services.stopValkey();
        await chance.wait(0, 1_500);
        await services.startValkey();
      } else {
        await flush(services.redisUrl);
      }
      chance.count();
      await chance.wait(200, 1_000);
    }
  },
};

async function flush(url: string): Promise<void> {
  const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1" });
  socket.end("FLUSHALL\r\n");
  const [answer] = (await once(socket, "data")) as [Buffer];
  if (!answer.toString().startsWith("+OK")) throw new Error(`FLUSHALL was answered ${answer}`);
}
