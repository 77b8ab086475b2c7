import { Command } from 'commander';
import { addHubOptions, hubAddress, type HubOptions } from '../command-line/hub-options.ts';
import { choiceOption, LEASE, option, parseValue, TOKEN, TTL } from '../command-line/option.ts';
import { unknownCommand } from '../command-line/usage-error.ts';
import { CliError } from '../errors.ts';

const HELP = `
Examples:
  tidings topics list
  tidings topics list jobs/ --json
  tidings topics show jobs/7
  tidings topics listeners jobs/7
  tidings topics create jobs/7 --ttl 24h
  tidings topics lease jobs/7 30s
  tidings topics delete jobs/7`;

interface CreateOptions extends HubOptions {
  readonly ttl?: number;
  readonly keep?: string;
  readonly ifUnknown?: true;
}

interface ListenersOptions extends HubOptions {
  readonly follow?: true;
  readonly json?: true;
}

interface LeaseOptions extends HubOptions {
  readonly token?: string;
  readonly json?: true;
}

/** `tidings topics` with its own commands. What asks the hub is loaded by the one that does, so that all others start without it. */
export function topicsCommand(): Command {
  const command = new Command('topics')
    .summary('list, show, create, lease and delete topics')
    .description('Lists, shows, creates, leases and deletes topics. Nobody has to create one: its first event does.')
    .helpCommand(false)
    // What is none of its commands.
    .argument('[words...]')
    .usage('<command>')
    .addHelpText('after', HELP)
    .action(([name]: readonly string[]) => {
      if (name !== undefined) throw unknownCommand(name, command);
      command.outputHelp();
    });
  for (const make of [
    listCommand,
    showCommand,
    listenersCommand,
    createCommand,
    leaseCommand,
    releaseCommand,
    deleteCommand,
  ]) {
    command.addCommand(make());
  }
  return command;
}

function listCommand(): Command {
  const command = new Command('list')
    .summary('print the topics of the hub')
    .description(
      'Prints the topics of the hub that have events, by name: when the last event came, events, size, listeners, open or leased or closed, name. ' +
        '"tidings topics show" tells of a topic without events, too.',
    )
    .argument('[prefix]', 'only topics whose names begin with this')
    .option(
      '--json',
      'print each topic as a line of JSON: {topic, state, leased, events, bytes, listeners, last}, with leased: true or without it',
    );
  return addHubOptions(command).action(
    async (prefix: string | undefined, options: HubOptions & { readonly json?: true }) => {
      const hub = hubAddress(options);
      const { listTopics } = await import('./topics.ts');
      await listTopics(hub, prefix ?? '', options.json === true);
    },
  );
}

function showCommand(): Command {
  const command = new Command('show')
    .summary('print what the hub tells of a topic')
    .description(
      'Prints the state of a topic, until when it is leased, the number of its events, the cursors of the earliest and ' +
        'the newest of them, and the options of a topic that was created. It needs no events for that.',
    )
    .argument('<topic>', 'topic to show')
    .option(
      '--json',
      'print it as a line of JSON: {topic, state, events, leasedUntil, earliest, newest, ttl, keep}, of which is left out what there is not',
    );
  return addHubOptions(command).action(async (topic: string, options: HubOptions & { readonly json?: true }) => {
    const hub = hubAddress(options);
    const { showTopic } = await import('./show.ts');
    await showTopic(hub, topic, options.json === true);
  });
}

function listenersCommand(): Command {
  const command = new Command('listeners')
    .summary('print who listens to a topic')
    .description(
      'Prints who listens to a topic now: the id of the stream, since when, and the subject of its token or key. It needs the right to listen to the topic, and to see who else does.',
    )
    .argument('<topic>', 'topic that they listen to')
    .option('--follow', 'go on with who comes and goes, until Ctrl-C')
    .option(
      '--json',
      'print each listener as a line of JSON: {id, subject, since}; with --follow each event: {type, data}',
    );
  return addHubOptions(command).action(async (topic: string, options: ListenersOptions) => {
    const hub = hubAddress(options);
    const { followListeners, listListeners } = await import('./listeners.ts');
    const list = options.follow === true ? followListeners : listListeners;
    await list(hub, topic, options.json === true);
  });
}

function leaseCommand(): Command {
  const command = new Command('lease')
    .summary('become the one producer of a topic')
    .description(
      'Leases a topic and prints the token, which every publish to the topic needs until the lease ends and which renews it: ' +
        'tidings publish --token. If the lease ends by itself, the hub closes the topic; "tidings topics release" gives it back. "tidings publish --lease" does all of that for standard input.',
    )
    .argument('<topic>', 'topic to lease')
    .argument('<duration>', 'how long, such as 30s (1s to 24h)')
    .addOption(option('--token <token>', 'renew the lease with this token', TOKEN))
    .option('--json', 'print it as a line of JSON: {topic, token, until}');
  return addHubOptions(command).action(async (topic: string, duration: string, options: LeaseOptions) => {
    const ms = parseValue('DURATION', duration, LEASE);
    const hub = hubAddress(options);
    const { leaseTopic } = await import('./lease.ts');
    await leaseTopic({ hub, topic, ms, token: options.token, json: options.json === true });
  });
}

function releaseCommand(): Command {
  const command = new Command('release')
    .summary('give the lease of a topic back')
    .description('Gives the lease of a topic back. The topic stays open, if it has events or was created.')
    .argument('<topic>', 'topic to release')
    .addOption(option('--token <token>', 'token of the lease', TOKEN));
  return addHubOptions(command).action(async (topic: string, options: LeaseOptions) => {
    const { token } = options;
    if (token === undefined) {
      throw new CliError(
        'ERR_USAGE',
        '"tidings topics release" needs --token, which "tidings topics lease" has printed',
      );
    }
    const hub = hubAddress(options);
    const { releaseTopic } = await import('./lease.ts');
    await releaseTopic(hub, topic, token);
  });
}

function createCommand(): Command {
  const command = new Command('create')
    .summary('create a topic with options')
    .description('Creates a topic, or sets all options of one that is there.')
    .argument('<topic>', 'topic to create')
    .addOption(option('--ttl <duration>', 'forget the topic this long after its last event, such as 24h', TTL))
    .addOption(
      choiceOption(
        '--keep <what>',
        'events that are kept, within the bounds of the hub, such as its --retain-age; without it, as --retain of the hub says, else all',
        ['all', 'latest'],
      ),
    )
    .option('--if-unknown', 'fail if the topic is there already');
  return addHubOptions(command).action(async (topic: string, options: CreateOptions) => {
    const { ttl: ttlMs, keep, ifUnknown } = options;
    const hub = hubAddress(options);
    const { createTopic } = await import('./topics.ts');
    await createTopic({ hub, topic, ttlMs, keep, onlyUnknown: ifUnknown === true });
  });
}

function deleteCommand(): Command {
  const command = new Command('delete')
    .summary('delete a topic with its events')
    .description('Deletes a topic with all its events. It asks first, and needs a terminal for that, or --yes.')
    .argument('<topic>', 'topic to delete')
    .option('--yes', 'do not ask');
  return addHubOptions(command).action(async (topic: string, options: HubOptions & { readonly yes?: true }) => {
    const hub = hubAddress(options);
    const { deleteTopic } = await import('./topics.ts');
    await deleteTopic(hub, topic, options.yes === true);
  });
}
