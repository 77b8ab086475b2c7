import type { Command } from 'commander';
import { type HubAddress, parseHubUrl } from '../http/hub-address.ts';
import { type OptionFormat, option, parseValue, SENT_KEY } from './option.ts';

const DEFAULT_HUB = 'http://127.0.0.1:4000';

/** The options of every command that talks to a hub. */
export interface HubOptions {
  readonly hub?: string;
  readonly key?: string;
}

export function addHubOptions(command: Command): Command {
  return command
    .option('--hub <url>', `URL of the hub (env TIDINGS_HUB, default: "${DEFAULT_HUB}")`)
    .addOption(option('--key <key>', 'key of the hub (env TIDINGS_KEY)', SENT_KEY))
    .option('--verbose', 'print the stack of an error');
}

/** @throws {CliError} `ERR_USAGE` */
export function hubAddress({ hub, key }: HubOptions): HubAddress {
  // Shells make it easy to set an empty variable, so an empty one counts as none.
  const url = hub ?? (process.env['TIDINGS_HUB'] || DEFAULT_HUB);
  return { url: parseHubUrl(url), key: key ?? keyFromEnvironment(SENT_KEY) };
}

/** @throws {CliError} `ERR_USAGE` */
export function keyFromEnvironment(format: OptionFormat<string>): string | undefined {
  const key = process.env['TIDINGS_KEY'];
  return key === undefined || key === '' ? undefined : parseValue('TIDINGS_KEY', key, format);
}
