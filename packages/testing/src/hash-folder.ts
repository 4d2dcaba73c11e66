import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** A folder's `.sql` files in one word: of their names and contents. */
export async function hashFolder(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort()) {
    hash
      .update(file)
      .update("\0")
      .update(await readFile(join(folder, file)))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}
