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
    // Help and version are no mistakes, and are printed already.
    if (error.exitCode === 0) return 0;
    // Instead of the help of a command that there is not, commander has printed that of all.
    return error.code === 'commander.help' ? tell('there is no such command', 2) : tell(sentence(error.message), 2);
  }
  const message = error instanceof Error ? error.message : String(error);
  const exitCode = error instanceof CliError ? error.exitCode : 1;
  if (process.argv.includes('--verbose') && error instanceof Error) return tell(error.stack ?? message, exitCode);
  if (error instanceof CliError) return tell(message, exitCode);
  return tell(`something unexpected happened: ${message} (run with --verbose for the stack)`, exitCode);
}

/** Makes one sentence of what commander says in two, and on two lines. */
function sentence(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(' is invalid. Allowed choices are ', ' is not allowed, choose one of ')
    .replace(' is invalid. ', ' is not allowed: ')
    .replace('. Expected ', ', expected ')
    .replace(/\.$/, '')
    .replace(/\s*\(Did you mean ([^)]*)\)$/, ', did you mean $1')
    .replace(/^unknown (option|command) '[^']*'$/, '$&, --help lists every $1');
}

function tell(message: string, exitCode: number): number {
  process.stderr.write(`tidings: ${message}\n`);
  return exitCode;
}
