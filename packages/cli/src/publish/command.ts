import { Command } from 'commander';
import { addHubOptions, hubAddress, type HubOptions } from '../command-line/hub-options.ts';
import { choiceOption } from '../command-line/option.ts';
import { CliError } from '../errors.ts';
import { closeTopic } from './close.ts';
import { publishEvent, publishInput } from './publish.ts';

const HELP = `
Examples:
  tidings publish greetings 'Hello'
  tidings publish orders/42 '{"state":"paid"}' --type changed
  tail -F app.log | tidings publish logs
  build.sh | tidings publish jobs/7 --close
  curl -N https://example.com/events | tidings publish copy --format event-stream
  tidings publish greetings 'Hello' --hub http://127.0.0.1:5000`;

interface PublishOptions extends HubOptions {
  readonly type?: string;
  readonly id?: string;
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
    .option('--type <type>', 'type of the event, or of the events of all lines')
    .option('--id <id>', 'id of the event (only with DATA)')
    .addOption(
      choiceOption('--format <format>', 'format of standard input', ['lines', 'event-stream']).default('lines'),
    )
    .option('--close', 'close the topic: with DATA, after all of standard input, or at once on a terminal');
  return addHubOptions(command)
    .addHelpText('after', HELP)
    .action(async (topic: string, data: string | undefined, options: PublishOptions) => {
      const { type, id, format } = options;
      const hub = hubAddress(options);
      checkOptions(data, options, command.getOptionValueSource('format') === 'cli');
      if (options.close) {
        // At a terminal nobody thinks of input when a topic is only to be closed.
        if (data === undefined && !process.stdin.isTTY) await publishInput({ hub, topic, format, type });
        await closeTopic(data === undefined ? { hub, topic } : { hub, topic, data, type, id });
      } else if (data === undefined) await publishInput({ hub, topic, format, type });
      else await publishEvent({ hub, topic, data, type, id });
    });
}

function checkOptions(data: string | undefined, { type, id, format }: PublishOptions, hasFormat: boolean): void {
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
