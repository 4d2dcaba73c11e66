import { type ApiKeyId, maxRedrives, type TaskId, type TenantId } from "@devmesh/models";
import { type Database, deadLetterReads, deadLetterWrites, deadMessages } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { type Mesh, openMesh } from "../kit/mesh.ts";

const newId = createUuidV7();
const by = newId() as ApiKeyId;
const all = { limit: 100, after: undefined };

async function fail(mesh: Mesh, taskId: TaskId): Promise<void> {
  const offer = await mesh.offerOf(taskId);
  await mesh.say(offer, { kind: "accept" });
  await mesh.say(offer, { kind: "fail", class: "permanent", message: "no luck", usage: undefined });
}

async function letters(database: Database, tenantId: TenantId): Promise<readonly string[]> {
  const found = await deadLetterReads(database).list([tenantId], {}, all);
  return found.map(({ id, reason, redrives }) => `${id} ${reason} ${redrives}`).sort();
}

describeEachDriver("dead letters", (database) => {
  test("a task is in the view exactly while it is failed", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work" });
    await fail(mesh, taskId);
    expect(await letters(database(), mesh.tenantId)).toEqual([`${taskId} permanent 0`]);
    await mesh.engine.redrive({ tenantId: mesh.tenantId, taskId }, { by, force: false });
    expect(await letters(database(), mesh.tenantId)).toEqual([]);
    await fail(mesh, taskId);
    expect(await letters(database(), mesh.tenantId)).toEqual([`${taskId} permanent 1`]);
  });

  test("what fails by its dependency dies with it, born dead or later, and comes back with it, uncounted", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a");
    const first = await mesh.submit({ type: "work" });
    const waiting = await mesh.submit({ type: "work", dependsOn: [first] });
    await fail(mesh, first);
    const bornDead = await mesh.submit({ type: "work", dependsOn: [first] });
    const dead = [`${first} permanent 0`, `${waiting} dependency 0`, `${bornDead} dependency 0`].sort();
    expect(await letters(database(), mesh.tenantId)).toEqual(dead);
    await mesh.engine.redrive({ tenantId: mesh.tenantId, taskId: first }, { by, force: false });
    expect(await letters(database(), mesh.tenantId)).toEqual([]);
    const audit = await deadLetterReads(database()).audit([mesh.tenantId], undefined, all);
    expect(audit.map(({ deadLetterId }) => deadLetterId)).toEqual([first]);
  });

  test("of redrives by two processes at once one passes, and none past the limit", async () => {
    await using mesh = await openMesh(database());
    await using other = await openMesh(database(), { tenantId: mesh.tenantId });
    await mesh.addAgent("a");
    const ref = { tenantId: mesh.tenantId, taskId: await mesh.submit({ type: "work" }) };
    for (let redrives = 0; redrives <= maxRedrives + 1; redrives++) {
      await fail(mesh, ref.taskId);
      const force = redrives === maxRedrives + 1;
      const asked = [mesh, other, mesh, other].map(({ engine }) => engine.redrive(ref, { by, force }));
      const outcomes = (await Promise.all(asked)).map(({ kind }) => kind);
      const passes = force || redrives < maxRedrives;
      expect(outcomes.filter((kind) => kind === "recorded")).toHaveLength(passes ? 1 : 0);
      if (!passes) {
        expect(await mesh.engine.redrive(ref, { by, force: false })).toMatchObject({
          kind: "refused",
          error: { code: "failed_precondition", reason: "redrive_limit" },
        });
        expect(await mesh.engine.redrive(ref, { by, force: true })).toMatchObject({ kind: "recorded" });
      }
    }
    const audit = await deadLetterReads(database()).audit([mesh.tenantId], ref.taskId, all);
    expect(audit.map(({ force, outcome }) => `${outcome} ${force}`)).toEqual([
      "redriven true",
      "redriven true",
      "redriven false",
      "redriven false",
      "redriven false",
    ]);
  });

  test("of claims of a message at once one passes, and none past the limit", async () => {
    await using mesh = await openMesh(database());
    const { tenantId } = mesh;
    const writes = deadLetterWrites(database());
    const messages = deadMessages(database());
    const id = newId();
    const died = { id, queue: "q", tenantId, reason: "r", message: "m", body: "b", attributes: {}, receiveCount: 1 };
    for (let redrives = 0; redrives <= maxRedrives; redrives++) {
      const recorded = await messages.record([{ ...died, messageId: newId(), redrives }]);
      expect(recorded.get(id)).toBe(redrives);
      const claims = Array.from({ length: 8 }, () => writes.claimMessages([tenantId], [id], { by, force: false }));
      const claimed = (await Promise.all(claims)).filter((ids) => ids.has(id));
      expect(claimed).toHaveLength(redrives < maxRedrives ? 1 : 0);
      await messages.settle({ sent: claimed.length > 0 ? [id] : [], failed: [] });
    }
    expect(await writes.claimMessages([tenantId], [id], { by, force: true })).toEqual(new Set([id]));
  });

  test("a death told twice is one, and one of a claimed message waits for the claim", async () => {
    await using mesh = await openMesh(database());
    const { tenantId } = mesh;
    const reads = deadLetterReads(database());
    const messages = deadMessages(database());
    const id = newId();
    const died = { id, queue: "q", tenantId, reason: "r", message: "m", body: "b", attributes: {}, receiveCount: 1 };
    await messages.record([{ ...died, messageId: "1", redrives: 0 }]);
    const first = await reads.find([tenantId], id);
    await messages.record([{ ...died, messageId: "1", redrives: 0 }]);
    expect(await reads.find([tenantId], id)).toEqual(first);
    await deadLetterWrites(database()).claimMessages([tenantId], [id], { by, force: false });
    // an older delivery of the same death
    await messages.record([{ ...died, messageId: "1", redrives: 0 }]);
    expect((await reads.find([tenantId], id))?.letter.state).toBe("redriving");
    // sent, and dead of it before the sending was noted
    await messages.record([{ ...died, messageId: "2", redrives: 1 }]);
    await messages.settle({ sent: [id], failed: [] });
    expect((await reads.find([tenantId], id))?.letter).toMatchObject({ state: "dead", redrives: 1, messageId: "2" });
    expect(await reads.audit([tenantId], id, all)).toMatchObject([{ outcome: "redriven" }]);
  });

  test("what was purged stays purged when its death is told once more; a later death is another", async () => {
    await using mesh = await openMesh(database());
    const { tenantId } = mesh;
    const reads = deadLetterReads(database());
    const messages = deadMessages(database());
    const id = newId();
    const died = { id, queue: "q", tenantId, reason: "r", message: "m", body: "b", attributes: {}, receiveCount: 1 };
    await messages.record([{ ...died, messageId: "1", redrives: 0 }]);
    expect(await deadLetterWrites(database()).purge([tenantId], id, by)).toBe(true);
    await messages.record([{ ...died, messageId: "1", redrives: 0 }]);
    expect(await reads.find([tenantId], id)).toBeUndefined();
    await messages.markPurged([id]);
    await messages.record([{ ...died, messageId: "1", redrives: 0 }]);
    expect(await reads.find([tenantId], id)).toBeUndefined();
    await messages.record([{ ...died, messageId: "2", redrives: 0 }]);
    expect(await reads.find([tenantId], id)).toMatchObject({ letter: { state: "dead" }, payload: { body: "b" } });
  });

  test("a message can't take a task's place in the view", async () => {
    await using mesh = await openMesh(database());
    await mesh.addAgent("a");
    const taskId = await mesh.submit({ type: "work" });
    await fail(mesh, taskId);
    const { tenantId } = mesh;
    const died = { queue: "q", tenantId, reason: "r", message: "m", body: "b", attributes: {}, receiveCount: 1 };
    await deadMessages(database()).record([{ ...died, id: taskId, messageId: "1", redrives: 0 }]);
    expect(await letters(database(), tenantId)).toEqual([`${taskId} permanent 0`]);
  });
});
