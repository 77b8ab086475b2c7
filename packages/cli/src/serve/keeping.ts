import type { LogRetention } from '@tidings/hub';
import type { Command } from 'commander';
import { AGE, COUNT, FOLDER, meaning, option, SIZE } from '../command-line/option.ts';
import { CliError } from '../errors.ts';
import { formatSize } from '../terminal/quantity.ts';
import { defaultBytes, LOG_URL } from './log-url.ts';
import { retainOption, type RetainRule } from './retain.ts';
import type { HubSettings } from './settings.ts';

const DEFAULT_FOLDER = '.tidings';
/** How many bytes are kept by default on this machine. In memory a process has much less room. */
const DISK_BYTES = 2 ** 30;
const MEMORY_BYTES = 2 ** 27;

/** Where events are kept, and for how long. */
export interface KeepOptions {
  readonly data?: string;
  readonly memory?: true;
  readonly log?: string;
  readonly retainAge: number;
  readonly retainBytes?: number;
  readonly retainEvents: number;
  readonly retain?: readonly RetainRule[];
}

/** Where events are kept. */
export function addPlaceOptions(command: Command): Command {
  return command
    .addOption(
      meaning(
        option('--data <folder>', `folder to keep events in (default: "${DEFAULT_FOLDER}")`, FOLDER),
        ({ memory, log }) => (memory === true || log !== undefined ? undefined : DEFAULT_FOLDER),
      ),
    )
    .option('--memory', 'keep events in memory only, until the hub stops')
    .addOption(
      option(
        '--log <url>',
        'keep events where several hubs share them: postgres://user:password@host/database or nats://host:4222/name. It needs the ' +
          'package @tidings/postgres or @tidings/nats',
        LOG_URL,
      ),
    );
}

/** For how long they are kept, and how many. */
export function addRetainOptions(command: Command): Command {
  return command
    .addOption(
      option(
        '--retain-age <duration>',
        'how long events are kept: a number with ms, s, m, h, d or w, or none',
        AGE,
      ).default(604_800_000, '7d'),
    )
    .addOption(
      meaning(
        option(
          '--retain-bytes <size>',
          'how many bytes are kept: a number with B, kB, MB, GB, KiB, MiB or GiB, or none (default: 1GiB, 128MiB with --memory, 256MiB in NATS)',
          SIZE,
        ),
        ({ memory, log }) => formatSize(bytesOf(memory === true, log)).replace(' ', ''),
      ),
    )
    .addOption(
      option('--retain-events <number>', 'how many events are kept, or none for no limit', COUNT).default(
        Infinity,
        'none',
      ),
    )
    .addOption(retainOption());
}

/** @throws {CliError} `ERR_USAGE` if the options name several places */
export function keepSettings(options: KeepOptions): Pick<HubSettings, 'data' | 'log' | 'retention'> {
  const { data, log, memory } = options;
  if (memory === true && data !== undefined) {
    throw new CliError('ERR_USAGE', '--memory cannot be used with --data, because it writes nothing to disk');
  }
  if (log !== undefined && (memory === true || data !== undefined)) {
    const other = memory === true ? '--memory' : '--data';
    throw new CliError('ERR_USAGE', `--log cannot be used with ${other}, because events are kept in one place`);
  }
  const folder = memory === true || log !== undefined ? undefined : (data ?? DEFAULT_FOLDER);
  return { data: folder, log, retention: retentionOf(options) };
}

/** How many bytes are kept by default. */
function bytesOf(isInMemory: boolean, log: unknown): number {
  if (typeof log === 'string') return defaultBytes(log);
  return isInMemory ? MEMORY_BYTES : DISK_BYTES;
}

function retentionOf({ memory, log, retainAge, retainBytes, retainEvents, retain }: KeepOptions): LogRetention {
  const maxBytes = retainBytes ?? bytesOf(memory === true, log);
  return {
    ...(retainAge === Infinity ? {} : { maxAgeMs: retainAge }),
    ...(maxBytes === Infinity ? {} : { maxBytes }),
    ...(retainEvents === Infinity ? {} : { maxEvents: retainEvents }),
    ...(retain === undefined ? {} : { perTopic: retain }),
  };
}
