import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { TenantId, ToolServerId } from "@devmesh/models";
import { keyRepository, migrate, migrationsDir, openPostgres, toolServerRepository } from "@devmesh/repositories";
import { createSecretBox } from "@devmesh/runtime";
import { createTestDatabase, givenServices, startProcess } from "@devmesh/testing";
import { registerServer } from "@devmesh/tools";
import { expect, test } from "vitest";

const { databaseUrl = "" } = givenServices();
const program = fileURLToPath(new URL("../../apps/rest-api/src/reseal-secrets.ts", import.meta.url));
const keyOf = (id: string) => ({ id, key: randomBytes(32) });
const encode = ({ id, key }: ReturnType<typeof keyOf>): string => `${id}:${key.toString("base64")}`;

test.skipIf(databaseUrl === "")(
  "reseal-secrets seals anew what an old key sealed, and names what it can't open",
  async () => {
    await using fresh = await createTestDatabase({
      url: databaseUrl,
      migrationsDir,
      migrate: async (url) => {
        await using owner = openPostgres({ url });
        await migrate(owner);
      },
    });
    await using database = openPostgres({ url: fresh.url });
    const servers = toolServerRepository(database);
    const [old, lost, next] = [keyOf("old"), keyOf("lost"), keyOf("next")];
    const tenantId = randomUUID() as TenantId;
    await keyRepository(database).createTenant({ id: tenantId, name: "acme" });
    const register = async (name: string, key: typeof old, secret: string): Promise<ToolServerId> => {
      const transport = { kind: "http" as const, url: "https://a.example", headers: { Authorization: { secret } } };
      const asked = { name, transport, timeoutMs: 1_000, maxConcurrency: 1, scopes: [], enabled: true };
      const deps = { servers, box: createSecretBox([key]), newId: randomUUID, assertAllowed: () => undefined };
      return (await registerServer(deps, tenantId, { asked })).made.id;
    };
    const mine = await register("mine", old, "hunter2 ".repeat(40));
    const theirs = await register("theirs", lost, "hunter3");
    const sealed = await servers.secrets(tenantId, theirs);

    const env = { DEVMESH_DATABASE_URL: fresh.url, DEVMESH_TOOL_SECRETS_KEY: `${encode(next)},${encode(old)}` };
    await using started = await startProcess(process.execPath, ["--conditions=devmesh-source", program], { env });
    const { code } = await started.exited;
    expect(started.output().trim().split("\n")).toEqual([
      '1 secrets were sealed anew with the key "next", 1 could not be opened',
      `server ${theirs}, Authorization: a secret was sealed with the key "lost", which is not configured`,
    ]);
    expect(code).toBe(1);
    const [secret] = await servers.secrets(tenantId, mine);
    if (secret === undefined) throw new Error("the secret is gone");
    const place = `${tenantId}\n${mine}\nAuthorization`;
    expect(createSecretBox([next]).open(secret, place)).toBe("hunter2 ".repeat(40));
    expect(await servers.secrets(tenantId, theirs)).toEqual(sealed);
  },
);
