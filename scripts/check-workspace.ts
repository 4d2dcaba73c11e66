// usage: node scripts/check-workspace.ts
// Holds every package to the house rules that no other tool checks: its manifest, its references, its README.
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly type?: string;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const scope = "@devmesh/";
const conditions = ["devmesh-source", "types", "default"];
const folders = globSync(["apps/*/package.json", "packages/*/package.json", "localstack/package.json"])
  .map(dirname)
  .sort();
const folderByName = new Map(folders.map((folder) => [readManifest(folder).name, folder]));

const problems = folders.flatMap((folder) => checkPackage(folder).map((problem) => `${folder}: ${problem}`));
for (const problem of problems) console.error(problem);
console.log(`${folders.length} packages, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

function checkPackage(folder: string): readonly string[] {
  const manifest = readManifest(folder);
  return [
    ...(manifest.name.startsWith(scope) ? [] : [`the name ${manifest.name} is outside ${scope}`]),
    ...(manifest.private === true && manifest.type === "module" ? [] : ["must be private and of type module"]),
    ...(existsSync(join(folder, "README.md")) ? [] : ["has no README.md"]),
    ...checkExports(folder, manifest),
    ...checkReferences(folder, manifest),
    ...checkIndex(folder),
  ];
}

/** Each entry has the three conditions in order, and its source is there. */
function checkExports(folder: string, { exports = {} }: Manifest): readonly string[] {
  return Object.entries(exports).flatMap(([entry, targets]) => {
    const order =
      Object.keys(targets).join() === conditions.join() ? [] : [`exports "${entry}" must have ${conditions}`];
    const source = targets["devmesh-source"] ?? "";
    return existsSync(join(folder, source))
      ? order
      : [...order, `exports "${entry}" names ${source}, which is not there`];
  });
}

/** TypeScript does not complain of a wrong set of project references: the manifest says which there must be. */
function checkReferences(folder: string, { dependencies = {} }: Manifest): readonly string[] {
  const config = JSON.parse(readFileSync(join(folder, "tsconfig.json"), "utf8"));
  const referenced = new Set<string>((config.references ?? []).map(({ path }: { path: string }) => join(folder, path)));
  const needed = Object.keys(dependencies).flatMap((name) => folderByName.get(name) ?? []);
  const missing = needed.filter((one) => !referenced.has(one));
  const surplus = [...referenced].filter((one) => !needed.includes(one));
  return [
    ...missing.map((one) => `tsconfig.json lacks a reference to ${one}`),
    ...surplus.map((one) => `tsconfig.json refers to ${one}, which is no dependency`),
  ];
}

/** One index, explicit names only, and nothing else re-exports. */
function checkIndex(folder: string): readonly string[] {
  return globSync("src/**/*.ts", { cwd: folder }).flatMap((file) => {
    const text = readFileSync(join(folder, file), "utf8");
    if (/^export \* /m.test(text)) return [`${file} exports everything of another file`];
    const isIndex = file === join("src", "index.ts");
    return !isIndex && /^export (type )?\{[^}]*\} from/m.test(text)
      ? [`${file} re-exports; only src/index.ts may`]
      : [];
  });
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}
