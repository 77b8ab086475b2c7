import { CommandError, Interruption } from './command.mjs';

/**
 * Shows why a script could not go on and sets the exit code.
 *
 * @param {unknown} error
 * @param {string} command what to enter once the cause is gone
 */
export function fail(error, command) {
  if (error instanceof Interruption) {
    process.exitCode = error.exitCode;
    console.error(`\n${error.message}. Run \`${command}\` to begin again.`);
    return;
  }
  process.exitCode = 1;
  if (!(error instanceof CommandError)) throw error;
  if (error.output !== '') console.error(`\n${error.output.trim()}`);
  console.error(`\n${error.message}, then run \`${command}\` again.`);
}
