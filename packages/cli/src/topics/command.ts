import { Command } from 'commander';
import { addHubOptions, hubAddress, type HubOptions } from '../command-line/hub-options.ts';
import { unknownCommand } from '../command-line/usage-error.ts';
import { choiceOption, option, TTL } from '../command-line/option.ts';
import { createTopic, deleteTopic, listTopics } from './topics.ts';

const HELP = `
Examples:
  tidings topics list
  tidings topics list jobs/ --json
  tidings topics create jobs/7 --ttl 24h
  tidings topics delete jobs/7`;

interface CreateOptions extends HubOptions {
  readonly ttl?: number;
  readonly keep?: string;
  readonly ifUnknown?: true;
}

/** `tidings topics` with its own commands. */
export function topicsCommand(): Command {
  const command = new Command('topics')
    .summary('list, create and delete topics')
    .description('Lists, creates and deletes topics. Nobody has to create one: its first event does.')
    .helpCommand(false)
    // What is none of its commands.
    .argument('[words...]')
    .usage('<command>')
    .addHelpText('after', HELP)
    .action(([name]: readonly string[]) => {
      if (name !== undefined) throw unknownCommand(name, command);
      command.outputHelp();
    });
  for (const each of [listCommand(), createCommand(), deleteCommand()]) command.addCommand(each);
  return command;
}

function listCommand(): Command {
  const command = new Command('list')
    .summary('print the topics of the hub')
    .description('Prints the topics of the hub by name: when the last event came, events, size, listeners, name.')
    .argument('[prefix]', 'only topics whose names begin with this')
    .option('--json', 'print each topic as a line of JSON: {topic, events, bytes, listeners, last}');
  return addHubOptions(command).action(
    async (prefix: string | undefined, options: HubOptions & { readonly json?: true }) => {
      await listTopics(hubAddress(options), prefix ?? '', options.json === true);
    },
  );
}

function createCommand(): Command {
  const command = new Command('create')
    .summary('create a topic with options')
    .description('Creates a topic, or sets all options of one that is there.')
    .argument('<topic>', 'topic to create')
    .addOption(option('--ttl <duration>', 'forget the topic this long after its last event, such as 24h', TTL))
    .addOption(choiceOption('--keep <what>', 'events that are kept', ['all', 'latest']))
    .option('--if-unknown', 'fail if the topic is there already');
  return addHubOptions(command).action(async (topic: string, options: CreateOptions) => {
    const { ttl: ttlMs, keep, ifUnknown } = options;
    await createTopic({ hub: hubAddress(options), topic, ttlMs, keep, onlyUnknown: ifUnknown === true });
  });
}

function deleteCommand(): Command {
  const command = new Command('delete')
    .summary('delete a topic with its events')
    .description('Deletes a topic with all its events. It asks first, and needs a terminal for that, or --yes.')
    .argument('<topic>', 'topic to delete')
    .option('--yes', 'do not ask');
  return addHubOptions(command).action(async (topic: string, options: HubOptions & { readonly yes?: true }) => {
    await deleteTopic(hubAddress(options), topic, options.yes === true);
  });
}
