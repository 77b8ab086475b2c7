import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { CliError } from './errors.ts';
import { makeProgram } from './program.ts';
import { notice, visible, watchOutput } from './terminal/output.ts';

watchOutput();
process.on('uncaughtException', (error) => {
  process.exit(report(error));
});

try {
  const program = makeProgram();
  if (process.argv.length > 2) await program.parseAsync();
  else program.outputHelp();
} catch (error) {
  // Not process.exit, which would cut off what standard output has not taken yet.
  process.exitCode = report(error);
}

/** Prints what went wrong on one line. @returns the exit code */
function report(error: unknown): number {
  // Commander throws this after it has printed the help or the version. Its real errors arrive as CliErrors.
  if (error instanceof CommanderError) return error.exitCode;
  const message = error instanceof Error ? error.message : String(error);
  const file = missingFile(error);
  if (file !== undefined) {
    notice(`tidings: the program is incomplete, ${visible(file)} is missing: install it again`);
    return 1;
  }
  if (process.argv.includes('--verbose') && error instanceof Error) notice(`tidings: ${error.stack ?? message}`);
  else if (error instanceof CliError) notice(`tidings: ${visible(message)}`);
  else notice(`tidings: something unexpected happened: ${visible(message)} (run with --verbose for the stack)`);
  return error instanceof CliError ? error.exitCode : 1;
}

/** The file of the program that an error misses: an installation may have been broken off, or be under way while a supervisor starts the next hub. */
function missingFile(error: unknown): string | undefined {
  if (!(error instanceof Error && 'code' in error)) return undefined;
  // Node names a module or a package in its message only.
  if (error.code === 'ERR_MODULE_NOT_FOUND') return /'(.+?)'/.exec(error.message)?.[1];
  const path = 'path' in error ? String(error.path) : '';
  return error.code === 'ENOENT' && path.startsWith(fileURLToPath(new URL('..', import.meta.url))) ? path : undefined;
}
