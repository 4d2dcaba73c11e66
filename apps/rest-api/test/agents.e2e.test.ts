import type { AgentId } from "@devmesh/models";
import { agentRepository } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

const registration = { name: "reviewer-1", capabilities: [{ name: "code.review", level: 3 }], maxConcurrency: 4 };

describe("the agent routes", () => {
  let rest: RestHarness;
  beforeAll(async () => {
    rest = await openRest();
  });
  afterAll(() => rest[Symbol.asyncDispose]());

  test("registering makes an agent, and again updates it", async () => {
    const first = await rest.ask("POST", "/agents", registration, { "idempotency-key": "k" });
    expect(first.status).toBe(201);
    const { data } = await envelopeOf(first);
    expect(data).toMatchObject({ ...registration, connection: "disconnected", admin: "active", delivery: "push" });
    expect(first.headers.get("location")).toBe(`/api/v1/agents/${data.id}`);
    const again = await envelopeOf(await rest.ask("POST", "/agents", { ...registration, maxConcurrency: 5 }));
    expect(again.data).toMatchObject({ id: data.id, maxConcurrency: 5 });
  });

  test("an agent is found by id and by name", async () => {
    await rest.ask("POST", "/agents", { ...registration, name: "team/a:b" });
    const { data } = await envelopeOf(await rest.ask("GET", "/agents/team%2Fa:b"));
    expect((await envelopeOf(await rest.ask("GET", `/agents/${data.id.toUpperCase()}`))).data).toEqual(data);
    expect((await rest.ask("GET", "/agents/nobody")).status).toBe(404);
    expect((await rest.ask("GET", "/agents/a%00b")).status).toBe(404);
  });

  test("lists page by key and filter", async () => {
    for (const n of [1, 2, 3]) {
      await rest.ask("POST", "/agents", { ...registration, name: `listed-${n}`, capabilities: [{ name: "listed" }] });
    }
    const first = await envelopeOf(await rest.ask("GET", "/agents?capability=listed&limit=2"));
    const second = await envelopeOf(
      await rest.ask("GET", `/agents?capability=listed&limit=2&cursor=${first.meta?.nextCursor}`),
    );
    const names = [...first.data, ...second.data].map(({ name }: { name: string }) => name);
    expect(names).toEqual(["listed-3", "listed-2", "listed-1"]);
    expect(second.meta).toEqual({});
  });

  test("pause, resume, drain and change", async () => {
    const path = "/agents/reviewer-1";
    expect((await envelopeOf(await rest.ask("POST", `${path}/pause`))).data.admin).toBe("paused");
    expect((await envelopeOf(await rest.ask("POST", `${path}/resume`, {}))).data.admin).toBe("active");
    expect((await envelopeOf(await rest.ask("POST", `${path}/drain`))).data.availability).toBe("draining");
    expect((await envelopeOf(await rest.ask("POST", `${path}/resume`))).data.availability).toBe("available");
    const changed = await rest.ask("PATCH", path, { load: { cpu: 0.5 }, metadata: { a: [1] } });
    expect((await envelopeOf(changed)).data).toMatchObject({ load: { cpu: 0.5 }, metadata: { a: [1] } });
  });

  test("what lets an agent that claims have more is told to where its claim waits; of others nobody is told", async () => {
    const { id } = await agentRepository(rest.database).register(
      rest.tenantId,
      createUuidV7()() as AgentId,
      { name: "puller", kind: "worker", capabilities: [{ name: "pull.it", level: 1 }], maxConcurrency: 1 },
      { delivery: "pull", presenceMs: 60_000 },
    );
    const toldAfter = async (method: string, path: string, body?: object): Promise<readonly AgentId[]> => {
      rest.claimants.length = 0;
      expect((await rest.ask(method, path, body)).ok).toBe(true);
      return [...rest.claimants];
    };
    expect(await toldAfter("POST", "/agents/puller/pause")).toEqual([]);
    expect(await toldAfter("POST", "/agents/puller/resume")).toEqual([id]);
    expect(await toldAfter("PATCH", "/agents/puller", { maxConcurrency: 2 })).toEqual([id]);
    expect(await toldAfter("POST", "/agents", { ...registration, name: "puller" })).toEqual([id]);
    expect(await toldAfter("PATCH", "/agents/reviewer-1", { maxConcurrency: 2 })).toEqual([]);
  });

  test("draining gives back what was offered; revoking gives back all and closes the connection", async () => {
    const agentId = await rest.connectAgent("held", "hold.it");
    const offered = (await envelopeOf(await rest.ask("POST", "/tasks", { type: "hold.it" }))).data.id;
    const running = (await envelopeOf(await rest.ask("POST", "/tasks", { type: "hold.it" }))).data.id;
    const { assignment } = await rest.assigned(running);
    await rest.assigned(offered);
    if (assignment === undefined) throw new Error("not assigned");
    const { tenantId } = rest;
    const about = { tenantId, assignmentId: assignment.id, agentId, fence: assignment.fence };
    await rest.engine.perform({ ...about, word: { kind: "accept" } });

    const drained = await envelopeOf(await rest.ask("POST", "/agents/held/drain"));
    expect(drained.data).toMatchObject({ availability: "draining", inFlight: 1 });
    expect((await envelopeOf(await rest.ask("GET", `/tasks/${offered}`))).data.state).toBe("queued");
    const held = await envelopeOf(await rest.ask("GET", "/agents/held/tasks?state=running"));
    expect(held.data.map(({ id }: { id: string }) => id)).toEqual([running]);

    const revoked = await envelopeOf(await rest.ask("POST", "/agents/held/revoke"));
    expect(revoked.data).toMatchObject({ admin: "revoked", inFlight: 0 });
    expect(rest.closed.at(-1)?.code).toBe(4403);
    expect((await envelopeOf(await rest.ask("GET", `/tasks/${running}`))).data.state).toBe("queued");
    const paused = await rest.ask("POST", "/agents/held/pause");
    expect(paused.status).toBe(409);
    expect((await envelopeOf(paused)).error?.reason).toBe("agent_revoked");

    const metrics = await envelopeOf(await rest.ask("GET", "/agents/held/metrics"));
    expect(metrics.data).toMatchObject({ agentId, inFlight: 0, isPartial: false });
    expect(metrics.data.ended.lastHour.byState.released).toBe(2);
  });

  test("DELETE deregisters, closes the connection and frees the name", async () => {
    await rest.connectAgent("leaver", "leave");
    const gone = await rest.ask("DELETE", "/agents/leaver");
    expect(gone.status).toBe(200);
    expect(rest.closed.at(-1)?.code).toBe(1000);
    expect((await rest.ask("GET", "/agents/leaver")).status).toBe(404);
    expect((await rest.ask("DELETE", "/agents/leaver")).status).toBe(404);
    const { id } = (await envelopeOf(gone)).data;
    const anew = await envelopeOf(await rest.ask("POST", "/agents", { ...registration, name: "leaver" }));
    expect(anew.data.id).not.toBe(id);
  });

  test("a credential that is bound to an agent changes no other", async () => {
    const key = await rest.createKey({ scopes: ["agents:write"], agentName: "bound" });
    const headers = { "x-api-key": key, "content-type": "application/json" };
    const post = (name: string): Promise<Response> | Response =>
      rest.app.request("/api/v1/agents", {
        method: "POST",
        headers,
        body: JSON.stringify({ ...registration, name }),
      });
    expect((await post("bound")).status).toBe(201);
    expect((await post("other")).status).toBe(403);
    const pause = await rest.app.request("/api/v1/agents/reviewer-1/pause", { method: "POST", headers });
    expect(pause.status).toBe(403);
  });

  test("the mesh's own agent is shown, and changed by nobody", async () => {
    const own = { name: "devmesh.tools", kind: "worker" as const, capabilities: [{ name: "mcp.tool", level: 1 }] };
    const id = createUuidV7()() as AgentId;
    const registration = { ...own, maxConcurrency: 1_000 };
    await agentRepository(rest.database).register(rest.tenantId, id, registration, { delivery: "pull", presenceMs: 1 });
    const before = (await envelopeOf(await rest.ask("GET", "/agents/devmesh.tools"))).data;
    for (const agent of ["devmesh.tools", id]) {
      const changes = [
        rest.ask("PATCH", `/agents/${agent}`, { capabilities: [{ name: "anything" }] }),
        rest.ask("DELETE", `/agents/${agent}`),
        ...["pause", "resume", "drain", "revoke"].map((verb) => rest.ask("POST", `/agents/${agent}/${verb}`)),
      ];
      for (const { status } of await Promise.all(changes)) expect(status).toBe(403);
    }
    expect((await envelopeOf(await rest.ask("GET", "/agents/devmesh.tools"))).data).toEqual(before);
  });
});
