import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { askNameServers, askSystem } from "./find-addresses.ts";

type Answers = Readonly<Record<string, readonly (readonly number[])[] | "silence">>;
const types: Readonly<Record<number, string>> = { 1: "A", 28: "AAAA" };

/** A name server that answers `A name` and `AAAA name` with these addresses, and with "no such name" otherwise. RFC 1035, 4. */
async function serveNames(answers: Answers): Promise<{ readonly address: string } & AsyncDisposable> {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    const labels: string[] = [];
    let at = 12;
    for (; query[at] !== 0; at += 1 + (query[at] ?? 0)) {
      labels.push(query.toString("latin1", at + 1, at + 1 + (query[at] ?? 0)));
    }
    const type = query.readUInt16BE(at + 1);
    const found = answers[`${types[type]} ${labels.join(".")}`];
    if (found === "silence") return;
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(found === undefined ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(found?.length ?? 0, 6);
    const records = (found ?? []).map((bytes) => {
      const record = Buffer.alloc(12);
      record.writeUInt16BE(0xc00c, 0);
      record.writeUInt16BE(type, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt16BE(bytes.length, 10);
      return Buffer.concat([record, Buffer.from(bytes)]);
    });
    socket.send(Buffer.concat([head, query.subarray(12, at + 5), ...records]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

const v6 = [0x20, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

describe("askNameServers", () => {
  it("gives the addresses of both families, of those that answer", async () => {
    await using names = await serveNames({
      "A both.example": [
        [192, 0, 2, 1],
        [192, 0, 2, 2],
      ],
      "AAAA both.example": [v6],
      "A four.example": [[192, 0, 2, 1]],
      "AAAA four.example": "silence",
      "AAAA six.example": [v6],
    });
    const find = askNameServers([names.address]);
    expect((await find("both.example")).map(({ address }) => address)).toEqual([
      "192.0.2.1",
      "192.0.2.2",
      "2001:db8::1",
    ]);
    expect(await find("four.example")).toEqual([{ address: "192.0.2.1", family: 4 }]);
    expect(await find("six.example")).toEqual([{ address: "2001:db8::1", family: 6 }]);
    await expect(find("none.example")).rejects.toMatchObject({ code: "ENOTFOUND" });
  });
});

describe("askSystem", () => {
  it("finds this machine, for any number who ask at once", async () => {
    const find = askSystem();
    for (const found of await Promise.all(Array.from({ length: 9 }, () => find("localhost")))) {
      expect(["127.0.0.1", "::1"]).toContain(found[0]?.address);
    }
  });
});
