/**
 * The layer check. A package, and a room inside of one, may use only what stands below it. A package must declare what it
 * uses: in a workspace where every package lies side by side an undeclared import runs, and fails only in an installation
 * of its own.
 *
 * `node scripts/layers.ts` checks this workshop. With `--write` it first makes the drawing in CONTRIBUTING.md anew.
 */
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withDrawing } from './layers/drawing.ts';
import { HOUSES, type Houses } from './layers/houses.ts';
import { dependencyFaults, importFaults, runtimeFaults } from './layers/package-faults.ts';
import { roomFaults } from './layers/room-faults.ts';
import { readPackages } from './layers/sources.ts';

/** What is wrong with the layers below `root`/packages: one sentence each, none where all is well. */
export function layerFaults(root: string, houses: Houses = HOUSES): string[] {
  const packages = readPackages(root);
  const folderOf = new Map([...packages].map(([folder, { manifest }]) => [manifest.name, folder]));
  return [...packages].flatMap(([folder, pack]) => {
    const house = houses[folder];
    if (house === undefined) return [`packages/${folder} has no place in the layers`];
    return [
      ...dependencyFaults(house, pack, folderOf),
      ...importFaults(pack),
      ...runtimeFaults(house, pack),
      ...roomFaults(house, pack),
    ];
  });
}

/** Whether the drawing in the CONTRIBUTING.md of `root` is of these houses: a sentence where it is not. */
export function drawingFaults(root: string, houses: Houses = HOUSES): string[] {
  const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
  if (withDrawing(page, houses) === page) return [];
  return ['The drawing in CONTRIBUTING.md is of other layers: `npm run layers -- --write` makes it anew'];
}

/** Makes the drawing in the CONTRIBUTING.md of `root` anew. */
export function draw(root: string, houses: Houses = HOUSES): void {
  const path = join(root, 'CONTRIBUTING.md');
  writeFileSync(path, withDrawing(readFileSync(path, 'utf8'), houses));
}

if (realpathSync(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const root = join(import.meta.dirname, '..');
  if (process.argv.includes('--write')) draw(root);
  const faults = [...layerFaults(root), ...drawingFaults(root)];
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}
