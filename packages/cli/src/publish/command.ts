import { Command } from 'commander';
import { addHubOptions, hubAddress } from '../command-line/hub-options.ts';
import { choiceOption, LEASE, LINE, option, TOKEN } from '../command-line/option.ts';
import { noticeUrl } from '../command-line/topic-names.ts';
import { CliError } from '../errors.ts';
import { type HubAddress, topicUrl } from '../http/hub-address.ts';
import { notice } from '../terminal/output.ts';
import { checkOptions, INPUT_FORMATS, type PublishOptions } from './options.ts';

const HELP = `
Examples:
  tidings publish greetings 'Hello'
  tidings publish orders/42 '{"state":"paid"}' --type changed
  tail -F app.log | tidings publish logs
  build.sh | tidings publish jobs/7 --close
  build.sh | tidings publish jobs/7 --close --lease 30s
  curl -N https://example.com/events | tidings publish copy --format event-stream
  echo '{"topic":"orders/42","data":{"state":"paid"}}' | tidings publish --format ndjson
  tidings publish prices 1.08 --latest-key EUR
  tidings publish prices --latest-key EUR --forget
  tidings publish greetings 'Hello' --hub http://127.0.0.1:5000
  tidings publish -- -topic -data

With --format ndjson each line is a JSON object with "topic" and "data" and, if
needed, "type", "id", "retry", "private", "key", "forget", "close" and "lease".
A topic on the command line is for the lines that name none.`;

export function publishCommand(): Command {
  const command = new Command('publish')
    .summary('publish one event, or all of standard input')
    .description(
      'Publishes DATA as one event and prints its id. Without DATA it publishes standard input as it arrives, each line ' +
        'as one event. It repeats requests that the hub has not answered, and the hub still gets each event once and ' +
        'in order.',
    )
    // Only lines of JSON need none.
    .argument('[topic]', 'topic to publish to')
    .argument('[data]', 'data of the event')
    .usage('[options] <topic> [data]')
    .addOption(option('--type <type>', 'type of the event, or of the events of all lines', LINE))
    .option('--id <id>', 'id of the event (only with DATA)')
    .option(
      '--latest-key <key>',
      'key of the value that the event, or each line, updates, not that of the hub: topics that keep the latest by key keep no older event of it',
    )
    .option('--forget', 'forget the value of --latest-key. Without DATA the event says only that')
    .option('--private', 'only for listeners that get the private events of the topic')
    .addOption(choiceOption('--format <format>', 'format of standard input, lines unless given', INPUT_FORMATS))
    .option('--close', 'close the topic: with DATA, after all of standard input, or at once on a terminal')
    .addOption(
      option(
        '--lease <duration>',
        'be the one producer of the topic while standard input is published. If the command dies, the hub closes the topic this long after',
        LEASE,
      ),
    )
    .addOption(
      option(
        '--token <token>',
        'token of the lease of the topic, see "tidings topics lease". Each event renews the lease, and nothing else does',
        TOKEN,
      ),
    );
  return addHubOptions(command, '. The key of a value is --latest-key')
    .addHelpText('after', HELP)
    .action(async (topic: string | undefined, data: string | undefined, options: PublishOptions) => {
      if (topic === undefined && options.format !== 'ndjson') {
        throw new CliError('ERR_USAGE', `"tidings publish" needs a topic: tidings publish ${command.usage()}`);
      }
      const hub = hubAddress(options);
      checkOptions(data, options);
      if (topic === undefined) {
        const { publishInput } = await import('./publish.ts');
        return await publishInput({ hub, topic, format: 'ndjson' });
      }
      // It refuses a topic that nobody could listen to.
      topicUrl(hub.url, topic);
      noticeUrl(topic, hub);
      await publish(hub, topic, data, options);
    });
}

async function publish(
  hub: HubAddress,
  topic: string,
  data: string | undefined,
  options: PublishOptions,
): Promise<void> {
  const { type, id, format = 'lines', latestKey, forget, private: isPrivate, token, close, lease: leaseMs } = options;
  const single = data ?? (forget === true ? '' : undefined);
  const isClosing = close === true;
  // Loaded only here, so that the other commands need not load the client.
  const { closedNotice, publishEvent, publishInput } = await import('./publish.ts');
  if (single !== undefined) {
    await publishEvent({ hub, topic, data: single, type, id, latestKey, forget, isPrivate, token, isClosing });
  } else if (isClosing && process.stdin.isTTY) {
    // At a terminal nobody thinks of input when a topic is only to be closed.
    await publishEvent({ hub, topic, data: '', isPrivate, token, isClosing });
    notice(closedNotice(topic));
  } else {
    const common = { key: latestKey, private: isPrivate, lease: token };
    await publishInput({ hub, topic, format, type, common, isClosing, leaseMs });
  }
}
