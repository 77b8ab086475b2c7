import { Command } from 'commander';
import { addHubOptions, hubAddress, type HubOptions } from '../command-line/hub-options.ts';
import { LIMIT, listOption, option, TEXT } from '../command-line/option.ts';

const HELP = `
Examples:
  tidings read jobs/7
  tidings read logs --since 1h --type error
  tidings read logs --since earliest --limit 10 --json`;

interface ReadOptions extends HubOptions {
  readonly since?: string;
  readonly limit?: number;
  readonly type?: readonly string[];
  readonly json?: true;
}

export function readCommand(): Command {
  const command = new Command('read')
    .summary('print the events that there are, and end')
    .description('Prints the events of a topic that the hub keeps, from the earliest on, and ends.')
    .argument('<topic>', 'topic to read')
    .option('--since <start>', 'start after this cursor or id, at a time, or a while ago such as 10m')
    .addOption(option('--limit <number>', 'print at most this many events', LIMIT))
    .addOption(
      listOption('--type <type>', 'print only events of this type; "message" is that of events without one', TEXT),
    )
    .option('--json', 'print each event, and each gap, as a line of JSON, as "tidings listen" does');
  return addHubOptions(command)
    .addHelpText('after', HELP)
    .action(async (topic: string, options: ReadOptions) => {
      const { since, limit, type: types = [], json } = options;
      const hub = hubAddress(options);
      const { read } = await import('./read.ts');
      await read({ hub, topic, types, since, limit, json: json === true });
    });
}
