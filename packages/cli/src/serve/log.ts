import { setFlagsFromString } from 'node:v8';
import { compilePattern, MemoryLog, type LogRetention } from '@tidings/hub';
import type { EventLog } from '@tidings/server/log';
import { CliError } from '../errors.ts';
import { openShared } from './log-url.ts';
import type { HubSettings } from './settings.ts';

/**
 * Opens the log of a hub. The package of a log is loaded only if it is asked for.
 *
 * @param report is told what goes wrong while it is open
 * @throws {CliError} `ERR_USAGE`, `ERR_DATA` @throws {HubError} @throws {LmdbError}
 */
export async function openLog(
  { data, log: url, retention }: HubSettings,
  report: (message: string) => void,
): Promise<EventLog> {
  checkRetain(retention);
  const onError = (error: unknown): void => report(error instanceof Error ? error.message : String(error));
  if (url !== undefined) return await openShared(url, { retention, onError });
  if (data === undefined) return openMemory(retention);
  const { LmdbLog } = await import('@tidings/lmdb');
  return await LmdbLog.open({ path: data, retention, onDamage: onError, onError });
}

/** @throws {CliError} `ERR_USAGE` for a pattern of `--retain` that is none */
export function checkRetain({ perTopic = [] }: LogRetention): void {
  for (const { topics: matchers } of perTopic) {
    for (const matcher of matchers) {
      try {
        if (typeof matcher !== 'string') compilePattern(matcher);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new CliError('ERR_USAGE', `--retain has a pattern that is not allowed: ${why}`, { cause: error });
      }
    }
  }
}

/**
 * Opens a log in memory. Every trimmed event leaves garbage that has lived for long. By default V8 collects it only when the heap has grown to four times
 * its live objects. Here that is twice.
 */
function openMemory(retention: LogRetention): MemoryLog {
  setFlagsFromString('--heap-growing-percent=100');
  return new MemoryLog({ retention });
}
