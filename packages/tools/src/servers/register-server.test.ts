import type { NamedSecret, TenantId, ToolServer, ToolServerId } from "@devmesh/models";
import { AppError, newToolServerSchema, toolServerUpdateSchema } from "@devmesh/models";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { changeServer, type RegisterDeps, registerServer } from "./register-server.ts";
import { openSecrets } from "./secrets.ts";
import type { ServerStore } from "./server-store.ts";

const tenantId = "t" as TenantId;
const http = (given: object = {}): object => ({
  kind: "http",
  url: "https://tools.example/mcp",
  headers: { Authorization: { secret: "Bearer hunter2" }, "X-Mode": "fast" },
  ...given,
});
const kept = { Authorization: { isSecret: true }, "X-Mode": "fast" };

/** Keeps one server; a change is written where it was made of the version that is there. */
function createStore(): ServerStore<ToolServer, string> & { readonly sealed: NamedSecret[] } {
  let server: ToolServer | undefined;
  const sealed: NamedSecret[] = [];
  return {
    sealed,
    create: async (_, asked) => {
      server = { ...asked.server, id: asked.id, version: 1, createdAt: "", updatedAt: "" };
      sealed.splice(0, sealed.length, ...asked.secrets);
      return { made: server, isReplay: false };
    },
    update: async (_, id, change) => {
      if (server?.id !== id || server.version !== change.version) return undefined;
      server = { ...change.server, id, version: server.version + 1, createdAt: "", updatedAt: "" };
      const stay = sealed.filter(({ name }) => change.kept.includes(name));
      sealed.splice(0, sealed.length, ...stay, ...change.secrets);
      return server;
    },
    find: async (_, id) => (server?.id === id ? server : undefined),
    secrets: async () => sealed,
  };
}

const box: RegisterDeps<ToolServer, string>["box"] = {
  seal: (text, place) => ({ keyId: "k", nonce: "", tag: place, ciphertext: Buffer.from(text).toString("base64") }),
  open: ({ ciphertext, tag }, place) => {
    if (tag !== place) throw new Error("sealed for another place");
    return Buffer.from(ciphertext, "base64").toString();
  },
};

let store: ReturnType<typeof createStore>;
let deps: RegisterDeps<ToolServer, string>;
const assertAllowed = vi.fn();
let made: ToolServer;
beforeEach(async () => {
  store = createStore();
  assertAllowed.mockReset();
  deps = { servers: store, box, newId: () => "server", assertAllowed };
  const asked = newToolServerSchema.parse({ name: "files", title: "Files", transport: http() });
  made = (await registerServer(deps, tenantId, { asked })).made;
});

const change = (update: object): Promise<ToolServer> =>
  changeServer(deps, tenantId, { id: made.id, update: toolServerUpdateSchema.parse(update) });
const opened = async () => Object.fromEntries(await openSecrets({ servers: store, box }, { tenantId, id: made.id }));

describe("a server's secrets", () => {
  test("are sealed apart from what is shown", async () => {
    expect(made.transport).toEqual(http({ headers: kept }));
    expect(JSON.stringify(made)).not.toContain("hunter2");
    expect(await opened()).toEqual({ Authorization: "Bearer hunter2" });
  });

  test("stay where nothing is said of them, and where they are given back as they were shown", async () => {
    await change({ timeoutMs: 5_000 });
    await change({ transport: http({ headers: { ...kept, "X-Mode": "slow" } }) });
    expect(await opened()).toEqual({ Authorization: "Bearer hunter2" });
  });

  test("are replaced, and go where they are left out", async () => {
    const changed = await change({
      transport: http({ headers: { Authorization: { secret: "b" }, B: { secret: "c" } } }),
    });
    expect(changed.transport).toEqual(http({ headers: { Authorization: { isSecret: true }, B: { isSecret: true } } }));
    expect(await opened()).toEqual({ Authorization: "b", B: "c" });
    await change({ transport: http({ headers: {} }) });
    expect(await opened()).toEqual({});
  });

  test.each([
    ["another address", http({ url: "https://elsewhere.example/mcp", headers: kept }), "given again"],
    ["a name that has none", http({ headers: { Other: { isSecret: true } } }), "no secret of this name"],
    ["a plain value", http({ headers: { "X-Mode": { isSecret: true } } }), "no secret of this name"],
  ])("are not kept for %s", async (_what, transport, message) => {
    await expect(change({ transport })).rejects.toMatchObject({
      code: "invalid_argument",
      details: [{ message: expect.stringContaining(message) }],
    });
  });

  test("are not kept for a program, where an address had them", async () => {
    await change({ transport: http({ headers: { TOKEN: { secret: "hunter2" } } }) });
    const transport = { kind: "stdio", command: "node", env: { TOKEN: { isSecret: true } } };
    await expect(change({ transport })).rejects.toMatchObject({ message: expect.stringContaining("given again") });
  });

  test.each([
    ["its arguments", { args: ["other.js"] }],
    ["a plain variable", { env: { TOKEN: { isSecret: true }, UPLOAD_TO: "https://elsewhere.example" } }],
  ])("of a program have to be given again with %s", async (_what, given) => {
    const transport = { kind: "stdio", command: "node", args: ["a.js"], env: { TOKEN: { secret: "hunter2" } } };
    await change({ transport });
    const asked = { ...transport, env: { TOKEN: { isSecret: true } }, ...given };
    await expect(change({ transport: asked })).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

describe("a change of a server", () => {
  test("leaves what it does not name, and may take the title away", async () => {
    const changed = await change({ title: null, enabled: false });
    expect(changed).toMatchObject({ name: "files", enabled: false, timeoutMs: 30_000, version: 2 });
    expect(changed).not.toHaveProperty("title");
  });

  test("is refused where another was quicker, and where there is no such server", async () => {
    const update = toolServerUpdateSchema.parse({ enabled: false });
    const slow = { ...deps, servers: { ...store, find: async () => ({ ...made, version: 0 }) } };
    await expect(changeServer(slow, tenantId, { id: made.id, update })).rejects.toMatchObject({
      code: "conflict",
      reason: "changed_meanwhile",
    });
    const unknown = changeServer(deps, tenantId, { id: "other" as ToolServerId, update });
    await expect(unknown).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("what the operator does not allow", () => {
  const notAllowed = new AppError("failed_precondition", "no", { reason: "command_not_allowed" });
  const transport = { kind: "stdio", command: "sh", env: { TOKEN: { secret: "hunter2" } } };
  beforeEach(() => {
    assertAllowed.mockImplementation(() => {
      throw notAllowed;
    });
  });

  test("is not registered, and a server does not become it", async () => {
    const asked = newToolServerSchema.parse({ name: "shell", transport });
    await expect(registerServer(deps, tenantId, { asked })).rejects.toBe(notAllowed);
    await expect(change({ transport })).rejects.toBe(notAllowed);
    await expect(change({ enabled: true })).rejects.toBe(notAllowed);
    expect(JSON.stringify(assertAllowed.mock.calls)).not.toContain("hunter2");
    expect(await store.find(tenantId, made.id)).toEqual(made);
  });

  test("but is registered from before, can be changed and disabled", async () => {
    expect(await change({ enabled: false, timeoutMs: 5_000 })).toMatchObject({ enabled: false, timeoutMs: 5_000 });
  });
});
