import type { HubOptions } from '../command-line/hub-options.ts';
import { CliError } from '../errors.ts';

/** The forms of standard input. */
export const INPUT_FORMATS = ['lines', 'event-stream', 'ndjson'] as const;
export type InputFormat = (typeof INPUT_FORMATS)[number];

export interface PublishOptions extends HubOptions {
  readonly type?: string;
  readonly id?: string;
  readonly latestKey?: string;
  readonly forget?: true;
  readonly private?: true;
  readonly format?: InputFormat;
  readonly close?: true;
  readonly lease?: number;
  readonly token?: string;
}

/** What the lines of JSON say themselves. */
const OF_LINES = {
  type: '--type',
  latestKey: '--latest-key',
  private: '--private',
  close: '--close',
  lease: '--lease',
  token: '--token',
} as const;

/** @throws {CliError} `ERR_USAGE` for options that do not go together */
export function checkOptions(data: string | undefined, options: PublishOptions): void {
  const { id, latestKey, forget, format, lease, token } = options;
  if (forget === true && latestKey === undefined) {
    refuse('--forget needs --latest-key, which names the key to forget; --key is the key of the hub');
  }
  if (lease !== undefined && token !== undefined) {
    refuse('--lease cannot be used with --token, which is of a lease that there is already');
  }
  if (data === undefined && forget === undefined) return checkInput(options);
  if (data === undefined && id !== undefined) refuse('--id needs DATA, because it is the id of one event');
  if (format !== undefined) {
    refuse(
      data === undefined
        ? '--format cannot be used with --forget, which publishes one event'
        : '--format cannot be used with DATA, because it describes standard input',
    );
  }
  if (lease !== undefined) {
    const what = data === undefined ? '--forget' : 'DATA';
    refuse(`--lease cannot be used with ${what}, because it is for as long as standard input lasts`);
  }
}

function checkInput(options: PublishOptions): void {
  const { type, id, latestKey, format } = options;
  if (id !== undefined) refuse('--id needs DATA, because it is the id of one event');
  if (format === 'ndjson') {
    const given = Object.entries(OF_LINES).find(([name]) => options[name as keyof PublishOptions] !== undefined);
    if (given) refuse(`${given[1]} cannot be used with --format ndjson, because each of its lines says that itself`);
  }
  if (format !== 'event-stream') return;
  if (type !== undefined) {
    refuse('--type cannot be used with --format event-stream, because its events have their own types');
  }
  if (latestKey !== undefined) {
    refuse('--latest-key cannot be used with --format event-stream, because its events are not all of one value');
  }
}

function refuse(message: string): never {
  throw new CliError('ERR_USAGE', message);
}
