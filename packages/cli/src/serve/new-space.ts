import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8's new space as small as it is now. It would double each time that more new objects survive than fit into it, up to 96 MiB when very many
 * listeners come at once, and stay so. What survives is moved to the old space instead.
 *
 * A space that small is collected often, and in a moment: one thread does that alone. With several, which wake and wait for each other, a publish takes up to a third
 * more of the processor, most when other programs need it, too.
 */
export function keepNewSpace(): void {
  // Other runtimes have other flags.
  if (process.versions['bun'] !== undefined || process.versions['deno'] !== undefined) return;
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--no-parallel-scavenge');
}
