import type { Hints } from "@devmesh/adapters";
import type { Tools } from "@devmesh/gateway";
import type { TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { ServerTool, ToolServerStanding } from "@devmesh/repositories";

/** The servers of a tenant that are called, and their tools where these are few. */
export interface ServersOfTenant {
  readonly servers: readonly ToolServerStanding[];
  /** Undefined where there are more than are listed: they are searched then. */
  readonly tools: readonly ServerTool[] | undefined;
}

/** What a node remembers of tenants' servers. */
export interface TenantServers extends AsyncDisposable {
  of(tenantId: TenantId): Promise<ServersOfTenant>;
  /** For who misses something: what was read within the last second. A hint may be late, or lost. */
  ofNow(tenantId: TenantId): Promise<ServersOfTenant>;
}

export interface TenantServersDeps {
  readonly toolServers: Pick<Tools["toolServers"], "listEnabled">;
  readonly externalTools: Pick<Tools["externalTools"], "list">;
  readonly toolGateway: Pick<Tools["toolGateway"], "forget">;
  readonly hints: Pick<Hints, "onMcpChanges">;
  /** Tools of a tenant that are listed; where there are more, none is. */
  readonly maxListed: number;
  /** Of a clock, for ages. */
  readonly now: () => number;
  readonly logger: Logger;
}

interface Remembered {
  readonly since: number;
  readonly found: Promise<ServersOfTenant>;
}

/** What no hint told of is found out after so long. */
const maxAgeMs = 30_000;
/** Who asks for what there is not, again and again, has it looked for so often. */
const missAgeMs = 1_000;
const maxTenants = 1_000;
/** Of what is listed of one tenant, as JSON: a model reads it all. Judgement. */
const maxListedBytes = 262_144;

/** Remembers, until a hint or time says otherwise, and closes what is open to servers that are called no more. */
export async function openTenantServers(deps: TenantServersDeps): Promise<TenantServers> {
  const { toolGateway, hints, now, logger } = deps;
  const remembered = new Map<TenantId, Remembered>();
  const leaving = new Set<Promise<void>>();

  /** Whoever has it read anew finds out which servers have gone: the hint may come later, or never. */
  function load(tenantId: TenantId): Promise<ServersOfTenant> {
    const before = remembered.get(tenantId);
    const found = readServers(deps, tenantId);
    const entry = { since: now(), found };
    remembered.delete(tenantId);
    const oldest = remembered.keys().next();
    if (remembered.size >= maxTenants && !oldest.done) remembered.delete(oldest.value);
    remembered.set(tenantId, entry);
    found.catch(() => {
      if (remembered.get(tenantId) === entry) remembered.delete(tenantId);
    });
    if (before !== undefined) closeGone(before.found, found);
    return found;
  }

  function closeGone(before: Promise<ServersOfTenant>, after: Promise<ServersOfTenant>): void {
    const closing = Promise.all([before, after])
      .then(async ([{ servers: old }, { servers }]) => {
        const gone = old.filter(({ id }) => servers.every((server) => server.id !== id));
        await Promise.all(gone.map(({ id }) => toolGateway.forget(id)));
      })
      .catch((err: unknown) => logger.info({ err }, "servers that are gone were not closed"))
      .finally(() => leaving.delete(closing));
    leaving.add(closing);
  }

  function notOlderThan(ageMs: number, tenantId: TenantId): Promise<ServersOfTenant> {
    const known = remembered.get(tenantId);
    return known !== undefined && now() - known.since < ageMs ? known.found : load(tenantId);
  }

  const end = await hints.onMcpChanges((changes) => {
    for (const { list, tenantId } of changes) if (list === "tools" && remembered.has(tenantId)) void load(tenantId);
  });

  return {
    of: (tenantId) => notOlderThan(maxAgeMs, tenantId),
    ofNow: (tenantId) => notOlderThan(missAgeMs, tenantId),
    async [Symbol.asyncDispose]() {
      await end();
      await Promise.all(leaving);
    },
  };
}

async function readServers(
  { toolServers, externalTools, maxListed }: TenantServersDeps,
  tenantId: TenantId,
): Promise<ServersOfTenant> {
  const servers = await toolServers.listEnabled(tenantId);
  const count = servers.reduce((sum, { toolCount }) => sum + toolCount, 0);
  if (count === 0) return { servers, tools: [] };
  if (count > maxListed) return { servers, tools: undefined };
  const ids = servers.map(({ id }) => id);
  const tools = await externalTools.list(tenantId, ids, maxListed);
  const isSmall = Buffer.byteLength(JSON.stringify(tools)) <= maxListedBytes;
  return { servers, tools: isSmall ? tools : undefined };
}
