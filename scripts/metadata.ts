/**
 * What the published packages say about themselves alike: who wrote them, under which license, for which Node, and where
 * their home, their sources and their issues are. It stands once, in the package.json of the root.
 *
 * `node scripts/metadata.ts` carries it into the packages.
 */
import { readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Manifest extends Readonly<Record<string, unknown>> {
  readonly private?: boolean;
  readonly repository?: { readonly type: string; readonly url: string };
}

/** What every package says as the root does, and in which order it stands among the rest. */
const ORDER = [
  'name',
  'version',
  'description',
  'keywords',
  'license',
  'author',
  'homepage',
  'repository',
  'bugs',
  'type',
  'engines',
];

/** The packages below `root`/packages that are published, by their folders. */
export function publishedFolders(root: string): string[] {
  const packages = join(root, 'packages');
  return readdirSync(packages).filter((folder) => readManifest(join(packages, folder)).private !== true);
}

/** The text of a package's package.json with what it says as the root does. */
export function withSharedMetadata(root: string, folder: string): string {
  const { license, author, homepage, repository, bugs, engines } = readManifest(root);
  const place = { ...repository, directory: `packages/${folder}` };
  const manifest = readManifest(join(root, 'packages', folder));
  const all = new Map(Object.entries({ ...manifest, license, author, homepage, repository: place, bugs, engines }));
  const keys = new Set([...ORDER, ...all.keys()]);
  return `${JSON.stringify(Object.fromEntries([...keys].map((key) => [key, all.get(key)])), null, 2)}\n`;
}

/** Why nothing may be published from `root`: its addresses are below a domain that nobody can have (RFC 2606). */
export function addressFault(root: string): string | undefined {
  const { repository, homepage, bugs } = readManifest(root);
  if (!/[/.]example[/"]/.test(JSON.stringify([repository, homepage, bugs]))) return undefined;
  return 'The package.json of the root names no real address yet: set repository, homepage and bugs, and run `npm run metadata`';
}

function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
}

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const root = join(import.meta.dirname, '..');
  for (const folder of publishedFolders(root)) {
    writeFileSync(join(root, 'packages', folder, 'package.json'), withSharedMetadata(root, folder));
  }
}
