import { connect } from "node:net";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { givenServices } from "./given-services.ts";
import { type NativeServices, startServices } from "./native-services.ts";

// Where the run has no services, none can be started.
describe.skipIf(givenServices().databaseUrl === undefined)("native services", () => {
  let services: NativeServices;
  beforeAll(async () => {
    services = await startServices({ fsync: false });
  });
  afterAll(async () => services.stop());

  async function ask(text: string): Promise<unknown> {
    const client = new pg.Client({ connectionString: services.databaseUrl });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query(text)).rows[0];
    } finally {
      await client.end();
    }
  }

  test("postgres has pgvector, and keeps port and data over a stop", async () => {
    await ask("create extension vector");
    await ask("create table kept as select '[1,2]'::vector as v");
    await services.stopPostgres();
    await expect(ask("select 1")).rejects.toThrow(/ECONNREFUSED/);
    await services.startPostgres();
    expect(await ask("select v::text from kept")).toEqual({ v: "[1,2]" });
  });

  test("valkey answers, stops and starts", async () => {
    expect(await ping()).toBe("+PONG\r\n");
    await services.stopValkey();
    await expect(ping()).rejects.toThrow(/ECONNREFUSED/);
    await services.startValkey();
    expect(await ping()).toBe("+PONG\r\n");
  });

  async function ping(): Promise<string> {
    const { hostname, port } = new URL(services.redisUrl);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write("PING\r\n"));
      socket.once("error", reject);
      socket.once("data", (data) => {
        socket.destroy();
        resolve(data.toString());
      });
    });
  }
});
