import { fileURLToPath } from "node:url";
import { hashApiKey, parseApiKey } from "@devmesh/auth";
import { keyRepository, migrate, migrationsDir, openPostgres } from "@devmesh/repositories";
import { createTestDatabase, givenServices, startProcess } from "@devmesh/testing";
import { expect, test } from "vitest";

const { databaseUrl = "" } = givenServices();
const program = fileURLToPath(new URL("../../apps/worker/src/create-key.ts", import.meta.url));
const pepper = "a pepper of the test's own";

async function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<[number | null, string]> {
  await using started = await startProcess(process.execPath, ["--conditions=devmesh-source", program, ...args], {
    env,
  });
  const { code } = await started.exited;
  return [code, started.output().trim()];
}

test.skipIf(databaseUrl === "")("create-key makes a tenant and keys of it that sign in", async () => {
  await using fresh = await createTestDatabase({
    url: databaseUrl,
    migrationsDir,
    migrate: async (url) => {
      await using owner = openPostgres({ url });
      await migrate(owner);
    },
  });
  const env = { DEVMESH_DATABASE_URL: fresh.url, DEVMESH_PEPPER: pepper };
  const [code, admin] = await run(["acme"], env);
  const [, agent] = await run(["acme", "--kind", "agt", "--team", "search", "--agent", "reviewer-1"], env);
  expect(code).toBe(0);
  expect(parseApiKey(admin)).toMatchObject({ kind: "pat" });
  await using database = openPostgres({ url: fresh.url });
  const keys = keyRepository(database);
  const tenant = await keys.findTenantByName("acme");
  expect(await keys.findByHash(hashApiKey(admin, pepper))).toMatchObject({ tenantId: tenant?.id });
  const record = await keys.findByHash(hashApiKey(agent, pepper));
  expect(record).toMatchObject({
    team: "search",
    agentName: "reviewer-1",
    scopes: expect.arrayContaining(["agents:connect"]),
  });
});

test("create-key says what is missing", async () => {
  const env = { DEVMESH_DATABASE_URL: databaseUrl || "postgres://127.0.0.1/none", DEVMESH_PEPPER: pepper };
  expect(await run([], env)).toEqual([1, expect.stringContaining("usage: create-key TENANT")]);
  expect(await run(["acme", "--team", "a b"], env)).toEqual([1, expect.stringContaining("--team: may hold letters")]);
  expect(await run(["acme", "--agent", "a b"], env)).toEqual([1, expect.stringContaining("--agent: may hold letters")]);
  const [code, output] = await run(["acme"], { DEVMESH_DATABASE_URL: "", DEVMESH_PEPPER: "" });
  expect([code, output]).toEqual([1, expect.stringMatching(/DEVMESH_DATABASE_URL[\s\S]*DEVMESH_PEPPER/)]);
});
