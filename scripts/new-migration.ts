// usage: node scripts/new-migration.ts NAME      (NAME in snake_case, such as create_agent)
// Makes the next numbered file in packages/repositories/migrations and prints its path.
import { readdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../packages/repositories/migrations", import.meta.url));
const name = process.argv[2];
if (name === undefined || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error("usage: node scripts/new-migration.ts NAME      (NAME in snake_case, such as create_agent)");
  process.exit(2);
}
const lastNumber = Math.max(0, ...(await readdir(folder)).map((file) => Number.parseInt(file, 10) || 0));
const file = join(folder, `${String(lastNumber + 1).padStart(4, "0")}_${name}.sql`);
await writeFile(file, "-- Why: \n-- Locks: \n\n", { flag: "wx" });
console.log(relative(process.cwd(), file));
