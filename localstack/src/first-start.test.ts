import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseApiKey } from "@devmesh/auth";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keepSecrets } from "./first-start.ts";
import { removeLocalFile, writeLocalFile } from "./local-file.ts";

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "devmesh-home-"));
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

describe("keepSecrets", () => {
  it("makes a key and a pepper once, for the owner's eyes only", async () => {
    const first = await keepSecrets(home);
    expect(parseApiKey(first.apiKey)?.kind).toBe("pat");
    expect(parseApiKey(first.agentKey)?.kind).toBe("agt");
    expect(first.pepper).toMatch(/^[0-9a-f]{64}$/);
    expect(await keepSecrets(home)).toEqual(first);
    expect((await stat(join(home, "secrets.json"))).mode & 0o777).toBe(0o600);
  });

  it("adds what an earlier version did not know of, once", async () => {
    const { toolsKey, ...earlier } = await keepSecrets(home);
    const file = join(home, "secrets.json");
    await writeFile(file, JSON.stringify(earlier));
    const second = await keepSecrets(home);
    expect(second).toEqual({ ...earlier, toolsKey: expect.any(String) });
    expect(second.toolsKey).not.toBe(toolsKey);
    expect(Buffer.from(second.toolsKey, "base64")).toHaveLength(32);
    expect(await keepSecrets(home)).toEqual(second);
  });

  it.each([
    "",
    "null",
    "{}",
    '{"pepper": 1, "apiKey": "x"}',
    '{"pepper": "0123456789abcdef", "apiKey": "x", "agentKey": "y"}',
  ])("never replaces a file that it can't read: %j", async (text) => {
    const file = join(home, "secrets.json");
    await writeFile(file, text);
    await expect(keepSecrets(home)).rejects.toMatchObject({ code: "failed_precondition" });
    expect(await readFile(file, "utf8")).toBe(text);
  });
});

describe("local.json", () => {
  it("is private, whole, and goes when asked to", async () => {
    const mesh = { restUrl: "http://a", wsUrl: "ws://a/ws", mcpUrl: "http://a/mcp", apiKey: "dm_pat_x", pid: 7 };
    await writeLocalFile(home, { ...mesh, pid: 6 });
    await writeLocalFile(home, mesh);
    const file = join(home, "local.json");
    expect(JSON.parse(await readFile(file, "utf8"))).toEqual(mesh);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await removeLocalFile(home);
    await removeLocalFile(home);
    await expect(stat(file)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
