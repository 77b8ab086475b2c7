import { Command, Option } from 'commander';
import { addHubOptions, hubAddress, type HubOptions } from '../command-line/hub-options.ts';
import { LAST, listOption, option, TEXT } from '../command-line/option.ts';
import { CliError } from '../errors.ts';

const HELP = `
Examples:
  tidings listen greetings
  tidings listen logs --last 10
  tidings listen orders/42 orders/43 --since earliest
  tidings listen logs --since 10m --type warning --type error
  tidings listen --match-urlpattern 'sensors/:room'
  tidings listen logs --json | jq -r .data
  tidings listen greetings --hub http://127.0.0.1:5000`;

interface ListenOptions extends HubOptions {
  readonly matchUrlpattern?: readonly string[];
  readonly since?: string;
  readonly type?: readonly string[];
  readonly last?: number;
  readonly json?: true;
  readonly wait?: true;
}

export function listenCommand(): Command {
  const command = new Command('listen')
    .summary('print events as they arrive')
    .description(
      'Prints the events of topics as they arrive, until Ctrl-C, or until the only topic is closed. After a lost connection it continues where it ' +
        'stopped. If the hub no longer has some of the missed events, it reports a gap. If there is no hub when it starts, it fails, unless --wait says that it waits for one.',
    )
    .argument('[topics...]', 'topics to listen to')
    .addOption(listOption('--match-urlpattern <pattern>', 'listen to all topics that match a URL pattern', TEXT))
    .addOption(
      new Option(
        '--since <start>',
        'start after this cursor or id, at a time such as 2026-11-28T10:00:00Z, a while ago such as 10m ' +
          '(ms, s, m, h, d, w), or with "earliest" at the first event that is kept',
      ),
    )
    .addOption(option('--last <number>', 'start with this many of the newest events, up to 10000', LAST))
    .addOption(
      listOption('--type <type>', 'print only events of this type; "message" is that of events without one', TEXT),
    )
    .option(
      '--json',
      'print each event as a line of JSON: {topic, time, id, type, data}, with key and ' +
        'forget where it has them, and each gap as ' +
        '{gap: {after, resumedAt, reason}}',
    );
  command.option('--wait', 'if there is no hub yet, keep trying until it is there');
  return addHubOptions(command)
    .addHelpText('after', HELP)
    .action(async (topics: readonly string[], options: ListenOptions) => {
      const { matchUrlpattern: patterns = [], type: types = [], since, last, json, wait } = options;
      if (topics.length + patterns.length === 0) {
        throw new CliError('ERR_USAGE', '"tidings listen" needs a topic, or a pattern with --match-urlpattern');
      }
      if (since !== undefined && last !== undefined) {
        throw new CliError('ERR_USAGE', '--since cannot be used with --last, because both say where to start');
      }
      const hub = hubAddress(options);
      const matchers = { topics, patterns };
      // Loaded only here, so that the other commands need not load the client.
      const { listen } = await import('./listen.ts');
      await listen({
        hub,
        matchers,
        types,
        since,
        last,
        json: json === true,
        wait: wait === true,
      });
    });
}
