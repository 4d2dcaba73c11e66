import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Hono } from "hono";
import type { AppEnv } from "./app-env.ts";
import { refuseOtherMethods } from "./mount-routes.ts";

/** The files of Swagger UI that are served: nothing else of the folder, and nothing from elsewhere. */
const files: Readonly<Record<string, string>> = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "index.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "swagger-ui-standalone-preset.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
  "favicon-16x16.png": "image/png",
};

const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Devmesh API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
    <link rel="stylesheet" href="/docs/index.css">
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png" sizes="32x32">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/swagger-ui-standalone-preset.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

/** Serves Swagger UI at `/docs`, over the document at `documentPath`. */
export function mountDocs(app: Hono<AppEnv>, documentPath: string): void {
  const start = `window.ui = SwaggerUIBundle({
  url: ${JSON.stringify(documentPath)},
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: "BaseLayout",
});
`;
  serve(app, "/docs", () => page, "text/html; charset=utf-8");
  serve(app, "/docs/", () => page, "text/html; charset=utf-8");
  serve(app, "/docs/start.js", () => start, "text/javascript; charset=utf-8");
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve("swagger-ui-dist/package.json"));
  for (const [name, type] of Object.entries(files)) {
    serve(app, `/docs/${name}`, async () => new Uint8Array(await readFile(join(folder, name))), type);
  }
}

type Content = string | Uint8Array<ArrayBuffer>;

function serve(app: Hono<AppEnv>, path: string, read: () => Content | Promise<Content>, type: string): void {
  app.get(path, async (c) => {
    c.set("route", "/docs");
    return c.body(await read(), 200, { ...securityHeaders, "content-type": type, "cache-control": "max-age=300" });
  });
  refuseOtherMethods(app, path, ["GET"]);
}
