import { Command } from 'commander';
import { addHubOptions, hubAddress, type HubOptions } from '../command-line/hub-options.ts';
import { choiceOption, LINE, option } from '../command-line/option.ts';
import { noticeUrl } from '../command-line/topic-names.ts';
import { CliError } from '../errors.ts';
import { topicUrl } from '../http/hub-address.ts';
import { notice, visible } from '../terminal/output.ts';
import { closeTopic } from './close.ts';
import { publishEvent, publishInput } from './publish.ts';

const HELP = `
Examples:
  tidings publish greetings 'Hello'
  tidings publish orders/42 '{"state":"paid"}' --type changed
  tail -F app.log | tidings publish logs
  build.sh | tidings publish jobs/7 --close
  curl -N https://example.com/events | tidings publish copy --format event-stream
  tidings publish prices 1.08 --latest-key EUR
  tidings publish prices --latest-key EUR --forget
  tidings publish greetings 'Hello' --hub http://127.0.0.1:5000`;

interface PublishOptions extends HubOptions {
  readonly type?: string;
  readonly id?: string;
  readonly latestKey?: string;
  readonly forget?: true;
  readonly format: 'lines' | 'event-stream';
  readonly close?: true;
}

export function publishCommand(): Command {
  const command = new Command('publish')
    .summary('publish one event, or all of standard input')
    .description(
      'Publishes DATA as one event and prints its id. Without DATA it publishes standard input as it arrives, each line ' +
        'as one event. It repeats requests that the hub has not answered, and the hub still gets each event once and ' +
        'in order.',
    )
    .argument('<topic>', 'topic to publish to')
    .argument('[data]', 'data of the event')
    .addOption(option('--type <type>', 'type of the event, or of the events of all lines', LINE))
    .option('--id <id>', 'id of the event (only with DATA)')
    .option(
      '--latest-key <key>',
      'key of the value that the event updates: topics that keep the latest by key keep no older event of it (only with DATA)',
    )
    .option('--forget', 'forget the value of --latest-key. Without DATA the event says only that')
    .addOption(
      choiceOption('--format <format>', 'format of standard input', ['lines', 'event-stream']).default('lines'),
    )
    .option('--close', 'close the topic: with DATA, after all of standard input, or at once on a terminal');
  return addHubOptions(command)
    .addHelpText('after', HELP)
    .action(async (topic: string, data: string | undefined, options: PublishOptions) => {
      const { type, id, format, latestKey, forget } = options;
      const hub = hubAddress(options);
      checkOptions(data, options, command.getOptionValueSource('format') === 'cli');
      // It refuses a topic that nobody could listen to.
      topicUrl(hub.url, topic);
      noticeUrl(topic, hub);
      const single = data ?? (forget === true ? '' : undefined);
      if (options.close) {
        // At a terminal nobody thinks of input when a topic is only to be closed.
        if (data === undefined && !process.stdin.isTTY) {
          await publishInput({ hub, topic, format, type, isClosed: true });
        }
        await closeTopic(data === undefined ? { hub, topic } : { hub, topic, data, type, id });
        if (data === undefined) notice(`Closed ${visible(topic)}`);
      } else if (single === undefined) await publishInput({ hub, topic, format, type });
      else await publishEvent({ hub, topic, data: single, type, id, latestKey, forget });
    });
}

function checkOptions(data: string | undefined, options: PublishOptions, hasFormat: boolean): void {
  const { type, id, format, latestKey, forget } = options;
  if (forget === true && latestKey === undefined) {
    throw new CliError('ERR_USAGE', '--forget needs --latest-key, which names the key to forget');
  }
  if (forget === true && data === undefined) {
    if (!hasFormat) return;
    throw new CliError('ERR_USAGE', '--format cannot be used with --forget, which publishes one event');
  }
  if (data === undefined && latestKey !== undefined) {
    throw new CliError('ERR_USAGE', '--latest-key needs DATA, because it is the key of one event');
  }
  if (data !== undefined && hasFormat) {
    throw new CliError('ERR_USAGE', '--format cannot be used with DATA, because it describes standard input');
  }
  if (data === undefined && id !== undefined) {
    throw new CliError('ERR_USAGE', '--id needs DATA, because it is the id of one event');
  }
  if (format === 'event-stream' && type !== undefined) {
    throw new CliError(
      'ERR_USAGE',
      '--type cannot be used with --format event-stream, because its events have their own types',
    );
  }
}
