/**
 * The layer check. Each package may use only what stands below it, and must declare what it uses: in a workspace where
 * every package lies side by side an undeclared import runs, and fails only in an installation of its own.
 *
 * `node scripts/layers.ts` checks this workshop.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';

interface Layer {
  /** The packages of the workshop that it may depend on, by their folders. */
  readonly mayUse: readonly string[];
  /** Whether it may depend on packages of others. */
  readonly thirdParty: boolean;
  /** The entries that must run in every runtime: nothing they reach through files of the package imports from Node. */
  readonly runsAnywhere: readonly string[];
}

/** The arrows between the packages, by their folders. */
const LAYERS: Readonly<Record<string, Layer>> = {
  wire: { mayUse: [], thirdParty: false, runsAnywhere: ['index.ts', 'internal.ts'] },
  client: { mayUse: ['wire'], thirdParty: false, runsAnywhere: ['index.ts', 'polyfill.ts'] },
  server: { mayUse: ['wire'], thirdParty: false, runsAnywhere: ['index.ts'] },
  hub: { mayUse: ['server', 'wire'], thirdParty: true, runsAnywhere: [] },
  cli: { mayUse: ['hub', 'client', 'wire'], thirdParty: true, runsAnywhere: [] },
  ui: { mayUse: ['client', 'wire'], thirdParty: true, runsAnywhere: ['main.tsx'] },
};

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** What is wrong with the layers below `root`/packages: one sentence each, none where all is well. */
export function layerFaults(root: string): string[] {
  const packages = join(root, 'packages');
  const folders = readdirSync(packages).filter((folder) => existsSync(join(packages, folder, 'package.json')));
  const manifests = new Map(folders.map((folder) => [folder, readManifest(join(packages, folder))]));
  const folderOf = new Map([...manifests].map(([folder, { name }]) => [name, folder]));

  return [...manifests].flatMap(([folder, manifest]) => {
    const layer = LAYERS[folder];
    if (layer === undefined) return [`packages/${folder} has no place in the layers`];
    return [
      ...dependencyFaults(folder, layer, manifest, folderOf),
      ...importFaults(join(packages, folder), folder, manifest),
      ...runtimeFaults(join(packages, folder), folder, layer),
    ];
  });
}

function dependencyFaults(
  folder: string,
  layer: Layer,
  manifest: Manifest,
  folderOf: ReadonlyMap<string, string>,
): string[] {
  return used(manifest).flatMap((name) => {
    const sibling = folderOf.get(name);
    if (sibling !== undefined && !layer.mayUse.includes(sibling)) {
      return [`packages/${folder} depends on ${name}, and ${folder} may not use ${sibling}`];
    }
    if (sibling === undefined && !layer.thirdParty) {
      return [`packages/${folder} depends on ${name}, and ${folder} has no dependencies of others`];
    }
    return [];
  });
}

/** Imports that the package does not declare, or that leave its folder. */
function importFaults(directory: string, folder: string, manifest: Manifest): string[] {
  // What is bundled and never published may keep all it needs among its development dependencies.
  const bundled = manifest.private === true ? Object.keys(manifest.devDependencies ?? {}) : [];
  const declared = new Set([...used(manifest), ...bundled]);
  const source = join(directory, 'src');
  return sourceFiles(source).flatMap((file) => {
    const place = `packages/${folder}/src/${relative(source, file).replaceAll(sep, '/')}`;
    return importsOf(file).flatMap((specifier) => {
      if (isRelative(specifier)) {
        const target = relative(source, join(dirname(file), specifier));
        return target.startsWith('..') ? [`${place} imports ${specifier}, which is outside of its package`] : [];
      }
      if (specifier.startsWith('node:') || specifier.startsWith('#')) return [];
      const name = packageName(specifier);
      return declared.has(name) ? [] : [`${place} imports ${name}, which is not among the package's dependencies`];
    });
  });
}

/** Imports from Node in files that an entry for every runtime reaches. */
function runtimeFaults(directory: string, folder: string, layer: Layer): string[] {
  const source = join(directory, 'src');
  const faults: string[] = [];
  const open = layer.runsAnywhere.map((entry) => join(source, entry));
  const seen = new Set<string>();
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file) || !existsSync(file)) continue;
    seen.add(file);
    for (const specifier of importsOf(file)) {
      if (isRelative(specifier)) open.push(join(dirname(file), specifier));
      if (specifier.startsWith('node:')) {
        const place = `packages/${folder}/src/${relative(source, file).replaceAll(sep, '/')}`;
        faults.push(`${place} imports ${specifier}, and is part of an entry that runs in every runtime`);
      }
    }
  }
  return faults;
}

/** What a file imports or re-exports, types included, in whichever form. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const { module, errors } = parseSync(file, text);
  if (errors[0] !== undefined) throw new Error(`Could not read the imports of ${file}: ${errors[0].message}`);
  const reExports = module.staticExports.flatMap(({ entries }) => entries.map((entry) => entry.moduleRequest?.value));
  const dynamic = module.dynamicImports.map(({ moduleRequest }) => {
    const literal = text.slice(moduleRequest.start, moduleRequest.end);
    return /^(['"`])([^$]*)\1$/.exec(literal)?.[2];
  });
  const all = [...module.staticImports.map((statement) => statement.moduleRequest.value), ...reExports, ...dynamic];
  return [...new Set(all)].filter((specifier) => specifier !== undefined);
}

function sourceFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.[mc]?tsx?$/.test(path))
    .toSorted()
    .map((path) => join(directory, path));
}

function used(manifest: Manifest): string[] {
  const { dependencies, optionalDependencies, peerDependencies } = manifest;
  return Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function isRelative(specifier: string): boolean {
  return specifier === '.' || specifier === '..' || specifier.startsWith('./') || specifier.startsWith('../');
}

function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
}

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const faults = layerFaults(join(import.meta.dirname, '..'));
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}
