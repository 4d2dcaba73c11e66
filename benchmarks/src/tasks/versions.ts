import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** The version of a package as it is installed here; looked up beside its main file, since not all export their own. */
export function versionOf(name: string): string {
  for (let folder = dirname(require.resolve(name)); folder !== "/"; folder = dirname(folder)) {
    const found = readPackage(join(folder, "package.json"));
    if (found?.name === name && found.version !== undefined) return found.version;
  }
  throw new Error(`${name} has no package.json above its main file`);
}

function readPackage(path: string): { readonly name?: string; readonly version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { name?: string; version?: string };
  } catch {
    return undefined; // most folders have none
  }
}
