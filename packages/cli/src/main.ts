#!/usr/bin/env node
import { CommanderError } from 'commander';
import { CliError } from './cli-error.ts';
import { makeProgram } from './program.ts';

// Whoever reads standard output has had enough, like `head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
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

/** Tells what went wrong in one sentence. @returns the exit code */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version are printed already.
    if (error.exitCode === 0) return 0;
    return tell(error.message.replace(/^error: /, ''), 2);
  }
  const isOurs = error instanceof CliError || (error instanceof Error && error.name === 'HubError');
  if (process.argv.includes('--verbose')) return tell(error instanceof Error ? (error.stack ?? error.message) : String(error), 1);
  if (isOurs) return tell(error.message, error instanceof CliError ? error.exitCode : 1);
  const message = error instanceof Error ? error.message : String(error);
  return tell(`something unexpected happened: ${message} (run with --verbose for the stack)`, 1);
}

function tell(message: string, exitCode: number): number {
  process.stderr.write(`tidings: ${message}\n`);
  return exitCode;
}
