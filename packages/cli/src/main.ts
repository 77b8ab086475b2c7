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
  if (process.argv.includes('--verbose') && error instanceof Error) notice(`tidings: ${error.stack ?? message}`);
  else if (error instanceof CliError) notice(`tidings: ${visible(message)}`);
  else notice(`tidings: something unexpected happened: ${visible(message)} (run with --verbose for the stack)`);
  return error instanceof CliError ? error.exitCode : 1;
}
