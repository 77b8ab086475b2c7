import { posix } from 'node:path';
import type { House } from './houses.ts';
import { isRelative, targets, type Manifest, type Package } from './sources.ts';

/** Dependencies against the arrows between the packages. */
export function dependencyFaults(
  house: House,
  { folder, manifest }: Package,
  folderOf: ReadonlyMap<string, string>,
): string[] {
  return used(manifest).flatMap((name) => {
    const sibling = folderOf.get(name);
    if (sibling !== undefined && !house.mayUse.includes(sibling)) {
      return [`packages/${folder} depends on ${name}, and ${folder} may not use ${sibling}`];
    }
    if (sibling === undefined && !house.thirdParty) {
      return [`packages/${folder} depends on ${name}, and ${folder} has no dependencies of others`];
    }
    return [];
  });
}

/** Imports that the package does not declare, or that leave its folder. */
export function importFaults({ folder, manifest, files }: Package): string[] {
  // What is bundled and never published may keep all it needs among its development dependencies.
  const bundled = manifest.private === true ? Object.keys(manifest.devDependencies ?? {}) : [];
  const declared = new Set([...used(manifest), ...bundled]);
  return [...files].flatMap(([file, specifiers]) => {
    const place = `packages/${folder}/src/${file}`;
    return specifiers.flatMap((specifier) => {
      if (isRelative(specifier)) {
        const outside = posix.join(posix.dirname(file), specifier).startsWith('..');
        return outside ? [`${place} imports ${specifier}, which is outside of its package`] : [];
      }
      if (specifier.startsWith('node:') || specifier.startsWith('#')) return [];
      const name = packageName(specifier);
      return declared.has(name) ? [] : [`${place} imports ${name}, which is not among the package's dependencies`];
    });
  });
}

/** Imports from Node in files that an entry for every runtime reaches. */
export function runtimeFaults(house: House, pack: Package): string[] {
  const { folder, files } = pack;
  if (files.size === 0) return [];
  const faults = house.runsAnywhere
    .filter((entry) => !files.has(entry))
    .map((entry) => `packages/${folder}/src has no ${entry}, which should run in every runtime`);
  const open = [...house.runsAnywhere];
  const seen = new Set<string>();
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const specifier of files.get(file) ?? []) {
      if (specifier.startsWith('node:')) {
        faults.push(
          `packages/${folder}/src/${file} imports ${specifier}, and is part of an entry that runs in every runtime`,
        );
      }
      open.push(...targets(pack, file, specifier, isForAll));
    }
  }
  return faults;
}

/** Whether what is behind a condition of an import is for runtimes without the modules of Node, too. */
function isForAll(condition: string): boolean {
  return !['node', 'deno', 'bun'].includes(condition);
}

function used({ dependencies, optionalDependencies, peerDependencies }: Manifest): string[] {
  return Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
