import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { apiKeyKinds, createApiKey, defaultScopesOf, displayOf, hashApiKey, scopesOfRole } from "@devmesh/auth";
import { type ApiKeyId, AppError, nameSchema, parseWith, type TenantId, teamSchema } from "@devmesh/models";
import { type Database, keyRepository, openPostgres } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { readKeyEnv } from "./config.ts";

// usage: node dist/create-key.js TENANT [--kind pat|agt|svc] [--name NAME] [--team TEAM] [--agent NAME]
//   (DEVMESH_DATABASE_URL and DEVMESH_PEPPER as the services have them)
// Makes the tenant if need be, and a key of it: pat and svc may do everything in the tenant, agt what agents may. With a
// team its holder also reads knowledge that is for that team alone; with an agent it may be that agent and no other. Prints the
// key, this once, on standard output: the database keeps its hash.
try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      kind: { type: "string", default: "pat" },
      name: { type: "string", default: "made by hand" },
      team: { type: "string" },
      agent: { type: "string" },
    },
  });
  const { databaseUrl, pepper } = readKeyEnv(process.env);
  await using database = openPostgres({ url: databaseUrl.reveal(), applicationName: "devmesh-create-key" });
  console.log(await createKey(database, pepper.reveal(), { tenant: positionals, ...values }));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

interface KeyAsked {
  readonly tenant: readonly string[];
  readonly kind: string;
  readonly name: string;
  readonly team?: string | undefined;
  readonly agent?: string | undefined;
}

async function createKey(database: Database, pepper: string, asked: KeyAsked): Promise<string> {
  const [tenantName] = asked.tenant;
  const kind = apiKeyKinds.find((one) => one === asked.kind);
  if (tenantName === undefined || asked.tenant.length > 1) {
    throw new AppError(
      "invalid_argument",
      "usage: create-key TENANT [--kind pat|agt|svc] [--name NAME] [--team TEAM] [--agent NAME]",
    );
  }
  if (kind === undefined) throw new AppError("invalid_argument", `--kind ${asked.kind}: must be one of ${apiKeyKinds}`);
  const team = asked.team === undefined ? undefined : parseWith(teamSchema, asked.team, "--team");
  const agentName = asked.agent === undefined ? undefined : parseWith(nameSchema, asked.agent, "--agent");
  const newId = createUuidV7();
  const keys = keyRepository(database);
  const existing = await keys.findTenantByName(tenantName);
  const tenant = existing ?? { id: newId() as TenantId, name: tenantName };
  if (existing === undefined) await keys.createTenant(tenant);
  const text = createApiKey(kind, randomBytes);
  await keys.create({
    tenantId: tenant.id,
    id: newId() as ApiKeyId,
    kind,
    name: asked.name,
    hash: hashApiKey(text, pepper),
    display: displayOf(text),
    scopes: kind === "agt" ? defaultScopesOf("agt") : scopesOfRole("admin"),
    team,
    agentName,
  });
  return text;
}
