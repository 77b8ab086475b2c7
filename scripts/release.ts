/** `npm run release` publishes what `npx changeset version` has prepared, once the packages say where they live. */
import { run, CommandError } from './command.mjs';
import { fail } from './failure.mjs';
import { addressFault } from './metadata.ts';
import { root, toolEnvironment } from './paths.mjs';

try {
  const fault = addressFault(root);
  if (fault !== undefined) throw new CommandError(fault, '');
  await run('changeset', ['publish'], { env: toolEnvironment(), show: true });
} catch (error) {
  fail(error, 'npm run release');
}
