import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRest, type RestHarness } from "./_rest-harness.ts";

describe("Swagger UI", () => {
  let rest: RestHarness;
  beforeAll(async () => {
    rest = await openRest();
  });
  afterAll(() => rest[Symbol.asyncDispose]());

  test("is served whole from here, and may load nothing from elsewhere", async () => {
    const page = await rest.app.request("/docs");
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
    const html = await page.text();
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? "");
    expect(links.length).toBeGreaterThanOrEqual(5);
    for (const link of links) {
      expect(link).toMatch(/^\/docs\//);
      expect((await rest.app.request(link)).status).toBe(200);
    }
    expect(await (await rest.app.request("/docs/start.js")).text()).toContain('url: "/api/v1/openapi.json"');
    expect((await rest.app.request("/docs/package.json")).status).toBe(404);
    expect((await rest.app.request("/docs/..%2fpackage.json")).status).toBe(404);
  });
});
