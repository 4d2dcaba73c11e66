import type { ApiKeyId, KnowledgeAccess, KnowledgeId, TaskId, TenantId } from "@devmesh/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeOnBoth, givenAgent, givenTask, givenTenant, newUuid } from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { type Asker, type EntryWrite, type KnowledgeRepository, knowledgeRepository } from "./knowledge-repository.ts";
import { type KnowledgeSyncRepository, knowledgeSyncRepository } from "./knowledge-sync.ts";

describeOnBoth((open) => {
  const stack = new AsyncDisposableStack();
  let database: Database;
  let knowledge: KnowledgeRepository;
  let sync: KnowledgeSyncRepository;
  let tenantId: TenantId;
  let owner: Asker;
  beforeAll(async () => {
    database = await open(stack);
    knowledge = knowledgeRepository(database);
    sync = knowledgeSyncRepository(database);
    tenantId = await givenTenant(database);
    owner = asker("red");
  });
  afterAll(() => stack.disposeAsync());

  const asker = (team?: string, isAdmin = false): Asker => ({
    tenantId,
    reader: { id: newUuid<ApiKeyId>(), team, isAdmin },
  });
  const text: EntryWrite = {
    title: "Deploys",
    content: "On Fridays nothing is deployed.",
    category: "process",
    tags: ["deploy"],
    access: "tenant",
    team: undefined,
  };
  const withAccess = (access: KnowledgeAccess): EntryWrite => ({
    ...text,
    access,
    team: access === "team" ? "red" : undefined,
  });
  async function given(entry = text, by = owner): Promise<KnowledgeId> {
    return (await knowledge.create(by, newUuid<KnowledgeId>(), entry, undefined)).made.id;
  }

  describe("who sees an entry", () => {
    const cases: [KnowledgeAccess, Record<"owner" | "teammate" | "other team" | "no team" | "admin", boolean>][] = [
      ["tenant", { owner: true, teammate: true, "other team": true, "no team": true, admin: true }],
      ["team", { owner: true, teammate: true, "other team": false, "no team": false, admin: true }],
      ["private", { owner: true, teammate: false, "other team": false, "no team": false, admin: true }],
    ];
    test.each(cases)("of access %s: %o, by every method", async (access, expected) => {
      const id = await given(withAccess(access));
      await knowledge.link(owner, id, { target: "agent", id: await agent(), relation: "about" });
      const askers = {
        owner,
        teammate: asker("red"),
        "other team": asker("blue"),
        "no team": asker(),
        admin: asker(undefined, true),
      };
      for (const [who, sees] of Object.entries(expected)) {
        const one = askers[who as keyof typeof askers];
        expect((await knowledge.find(one, id)) !== undefined, who).toBe(sees);
        expect((await knowledge.findAll(one, [id])).length, who).toBe(Number(sees));
        const listed = await knowledge.list(one, { access }, { limit: 200 });
        expect(
          listed.some((entry) => entry.id === id),
          who,
        ).toBe(sees);
        expect((await knowledge.versions(one, id, { limit: 9, before: undefined })).length, who).toBe(Number(sees));
        expect((await knowledge.version(one, id, 1)) !== undefined, who).toBe(sees);
        expect((await knowledge.links(one, id)).length, who).toBe(Number(sees));
      }
      for (const [who, sees] of Object.entries(expected)) {
        const one = askers[who as keyof typeof askers];
        const uses = (await knowledge.find(owner, id))?.uses ?? 0;
        expect((await knowledge.use(one, id, undefined)) !== undefined, who).toBe(sees);
        expect((await knowledge.find(owner, id))?.uses, who).toBe(uses + Number(sees));
        const version = (await knowledge.find(owner, id))?.version ?? 0;
        const changed = await knowledge.update(one, { id, version }, { ...withAccess(access), title: who });
        expect(changed?.title, who).toBe(sees ? who : undefined);
      }
    });

    test("is never another tenant", async () => {
      const id = await given();
      const stranger: Asker = { tenantId: await givenTenant(database), reader: { ...owner.reader, isAdmin: true } };
      expect(await knowledge.find(stranger, id)).toBeUndefined();
      expect(await knowledge.update(stranger, { id, version: 1 }, text)).toBeUndefined();
      expect(await knowledge.delete(stranger, id)).toBe(false);
      expect(await knowledge.use(stranger, id, undefined)).toBeUndefined();
    });
  });

  test("whoever sees an entry changes what it says, and its owner alone who sees it", async () => {
    const id = await given();
    const other = asker("blue");
    expect(await knowledge.update(other, { id, version: 1 }, withAccess("private"))).toBeUndefined();
    expect(await knowledge.update(other, { id, version: 1 }, { ...text, title: "Releases" })).toMatchObject({
      version: 2,
      title: "Releases",
    });
    expect(await knowledge.update(owner, { id, version: 1 }, text)).toBeUndefined();
    expect(await knowledge.update(owner, { id, version: 2 }, withAccess("private"))).toMatchObject({ version: 3 });
    expect(await knowledge.find(other, id)).toBeUndefined();
    const versions = await knowledge.versions(owner, id, { limit: 2, before: undefined });
    expect(versions).toMatchObject([
      { version: 3, access: "private", editorId: owner.reader.id },
      { version: 2, access: "tenant", title: "Releases", editorId: other.reader.id },
    ]);
    expect(await knowledge.versions(owner, id, { limit: 2, before: 2 })).toMatchObject([{ version: 1 }]);
    // shown to all again: what was written while it was private is not
    expect(await knowledge.update(owner, { id, version: 3 }, text)).toMatchObject({ version: 4 });
    const seen = await knowledge.versions(other, id, { limit: 9, before: undefined });
    expect(seen.map(({ version }) => version)).toEqual([4, 2, 1]);
    expect(await knowledge.version(other, id, 3)).toBeUndefined();
    expect(await knowledge.version(owner, id, 3)).toMatchObject({ access: "private" });
  });

  test("one key makes one entry, and with another body none", async () => {
    const key = { principalId: owner.reader.id, key: "k", bodyHash: "aa" };
    const [first, second] = await Promise.all(
      [1, 2].map(() => knowledge.create(owner, newUuid<KnowledgeId>(), text, key)),
    );
    expect([first?.isReplay, second?.isReplay].sort()).toEqual([false, true]);
    expect(first?.made.id).toBe(second?.made.id);
    const other = knowledge.create(owner, newUuid<KnowledgeId>(), text, { ...key, bodyHash: "bb" });
    await expect(other).rejects.toMatchObject({ code: "conflict", reason: "idempotency_key_reused" });
  });

  test("links lead to what there is, and are found by it", async () => {
    const id = await given();
    const agentId = await agent();
    const link = { target: "agent", id: agentId, relation: "source" } as const;
    expect(await knowledge.link(owner, id, { ...link, id: newUuid() })).toBe("missing");
    expect(await knowledge.link(owner, id, link)).toBe("linked");
    expect(await knowledge.link(owner, id, link)).toBe("linked");
    expect(await knowledge.links(owner, id)).toMatchObject([link]);
    expect(await knowledge.list(owner, { agent: agentId }, { limit: 9 })).toMatchObject([{ id }]);
    expect(await knowledge.unlink(owner, id, link)).toBe(true);
    expect(await knowledge.unlink(owner, id, link)).toBe(false);
    expect(await knowledge.list(owner, { agent: agentId }, { limit: 9 })).toEqual([]);
  });

  test("a task's use counts once", async () => {
    const id = await given();
    const taskId = newUuid<TaskId>();
    expect(await knowledge.use(owner, id, taskId)).toBe("missing");
    await givenTask(database, tenantId, { id: taskId });
    expect(await knowledge.use(owner, id, taskId)).toMatchObject({ uses: 1, lastUsedAt: expect.any(String) });
    expect(await knowledge.use(owner, id, taskId)).toMatchObject({ uses: 1 });
    expect(await knowledge.use(owner, id, undefined)).toMatchObject({ uses: 2 });
    expect(await knowledge.links(owner, id)).toMatchObject([{ target: "task", id: taskId, relation: "used_by" }]);
  });

  test("an entry is unsynced until its version's document was written, and gone when its document is", async () => {
    const id = await given(withAccess("team"));
    const claim = (forMs = 60_000) => sync.claim(tenantId, id, forMs);
    expect(await claim()).toMatchObject({ version: 1, isDeleted: false, team: "red", tags: ["deploy"] });
    expect(await claim()).toBeUndefined();
    await knowledge.update(owner, { id, version: 1 }, withAccess("team"));
    await sync.done({ tenantId, id, version: 1, isDeleted: false });
    expect(await claim(0)).toMatchObject({ version: 2 });
    const stale = { forMs: 0, quietMs: 60_000 };
    expect(await sync.claimStale(100, stale)).toEqual([]);
    expect((await sync.claimStale(100, { ...stale, quietMs: -1 })).map((entry) => entry.id)).toContain(id);
    await sync.done({ tenantId, id, version: 2, isDeleted: false });
    expect(await claim()).toBeUndefined();
    // a removal of what was not deleted removes nothing
    await sync.done({ tenantId, id, version: 2, isDeleted: true });
    expect(await knowledge.find(owner, id)).toBeDefined();
    expect(await knowledge.delete(asker("red"), id)).toBe(false);
    expect(await knowledge.delete(owner, id)).toBe(true);
    expect(await knowledge.find(owner, id)).toBeUndefined();
    expect(await claim(0)).toMatchObject({ isDeleted: true });
    await sync.done({ tenantId, id, version: 2, isDeleted: true });
    expect(await claim()).toBeUndefined();
  });

  async function agent() {
    return (await givenAgent(database, tenantId, { name: newUuid() })).agent.id;
  }
});
