import type { Command } from 'commander';
import { type HubAddress, parseHubUrl } from '../http/hub-address.ts';
import { KEY, type OptionFormat, option, parseValue } from './option.ts';
import { variable } from './variable.ts';

const DEFAULT_HUB = 'http://127.0.0.1:4000';

/** The key of the hub that a command talks to. A hub without a key takes any, so what is no key has to be told before. */
const SENT_KEY: OptionFormat<string> = { ...KEY, allowed: `${KEY.allowed}: the key of the hub, or a token for it` };

/** The options of every command that talks to a hub. */
export interface HubOptions {
  readonly hub?: string;
  readonly key?: string;
}

/** @param other what else may have been meant by a wrong key */
export function addHubOptions(command: Command, other = ''): Command {
  const format = { ...SENT_KEY, allowed: SENT_KEY.allowed + other };
  return command
    .option('--hub <url>', `URL of the hub (env TIDINGS_HUB, default: "${DEFAULT_HUB}")`)
    .addOption(option('--key <key>', 'key of the hub, or a token for it (env TIDINGS_KEY)', format))
    .option('--verbose', 'print the stack of an error');
}

/** @throws {CliError} `ERR_USAGE` */
export function hubAddress({ hub, key }: HubOptions): HubAddress {
  const url = hub ?? variable('TIDINGS_HUB') ?? DEFAULT_HUB;
  return { url: parseHubUrl(url), key: key ?? keyFromEnvironment(SENT_KEY) };
}

/** @throws {CliError} `ERR_USAGE` */
function keyFromEnvironment(format: OptionFormat<string>): string | undefined {
  const key = variable('TIDINGS_KEY');
  return key === undefined ? undefined : parseValue('TIDINGS_KEY', key, format);
}
