import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { checkHelp, explainUsage, unknownCommand } from './command-line/usage-error.ts';
import { listenCommand } from './listen/command.ts';
import { publishCommand } from './publish/command.ts';
import { readCommand } from './listen/read-command.ts';
import { serveCommand } from './serve/command.ts';
import { tokenCommand } from './token/command.ts';
import { topicsCommand } from './topics/command.ts';

const HELP = `
Examples:
  tidings serve
  tidings listen greetings
  tidings publish greetings 'Hello'
  tail -F app.log | tidings publish logs

"tidings serve --help" describes one command. Exit codes: 0 success, 1 failure, 2 wrong command line.`;

/** The `tidings` command with its subcommands. It throws where commander by itself would end the process. */
export function makeProgram(): Command {
  const program = new Command('tidings')
    .description('Runs a durable hub for server-sent events, publishes to it and listens to it.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    // The code that catches the errors prints them.
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', HELP);
  for (const command of [
    serveCommand(),
    publishCommand(),
    listenCommand(),
    readCommand(),
    topicsCommand(),
    tokenCommand(),
    helpCommand(program),
  ]) {
    program.addCommand(command.copyInheritedSettings(program));
    for (const each of command.commands) each.copyInheritedSettings(program);
  }
  for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
    command.addHelpText('before', () => {
      checkHelp(command);
      return '';
    });
    command.exitOverride((error) => {
      throw explainUsage(error, command);
    });
  }
  return program;
}

/** Replaces commander's own `help`, which prints all help before it reports an unknown command. */
function helpCommand(program: Command): Command {
  return new Command('help')
    .argument('[command]', 'command to describe')
    .summary('print the help of a command')
    .description('Prints the help of a command.')
    .action((name: string | undefined) => {
      const command = name === undefined ? program : program.commands.find((known) => known.name() === name);
      if (command === undefined) throw unknownCommand(name ?? '', program);
      command.outputHelp();
    });
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
