import { PostgresLog, type PostgresError, type PostgresLogOptions } from '@tidings/postgres';
import { EARLIEST, fieldsOf, type EventLog, type LogEntry, type NewEvent, type Selection } from '@tidings/server/log';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { PostgresServer, withoutPostgres } from '../../../test/postgres-server.ts';

export const EVERYTHING: Selection = { topics: 'all', private: 'all' };

export const event = (topic: string, data = ''): NewEvent => ({ topics: [topic], fields: { data } });

/** A server for all tests of a file. */
export function serverOfFile(options: { isSafe?: boolean } = {}): { readonly server: PostgresServer } {
  const found: { server?: PostgresServer } = {};
  beforeAll(async () => {
    if (withoutPostgres) return;
    found.server = await PostgresServer.start(options);
  }, 60_000);
  afterAll(() => found.server?.close());
  return {
    get server() {
      return found.server!;
    },
  };
}

/** Opens a log for the length of a test. What it reports is kept in `told`. */
export async function openLog(
  server: PostgresServer,
  schema: string,
  options: Partial<PostgresLogOptions> = {},
): Promise<PostgresLog & { readonly told: PostgresError[] }> {
  const told: PostgresError[] = [];
  const log = await PostgresLog.open({
    url: server.url,
    schema,
    retention: {},
    onError: (error) => told.push(error),
    ...options,
  });
  onTestFinished(() => log.close());
  return Object.assign(log, { told });
}

export function dataOf(entry: LogEntry): string {
  return fieldsOf(entry).data ?? '';
}

/** The data of everything in a log. */
export async function allOf(log: EventLog, selection: Selection = EVERYTHING): Promise<string[]> {
  const { head } = await log.locate(EARLIEST);
  const found: string[] = [];
  for (let after = 0; after < head;) {
    const page = await log.read({ selection, after, through: head, maxBytes: 2 ** 20 });
    found.push(...page.entries.map(dataOf));
    after = page.through;
  }
  return found;
}

/** Resolves when a condition holds that following a log may make true. */
export function followed(log: EventLog): {
  readonly data: string[];
  readonly steps: string[];
  until(isSo: () => boolean): Promise<void>;
} {
  const data: string[] = [];
  const steps: string[] = [];
  let wake = (): void => {};
  log.follow({
    onStart: ({ epoch, seq }) => {
      steps.push(`start ${epoch} ${seq}`);
      wake();
    },
    onBatch: (batch) => {
      data.push(...batch.filter(({ deletes }) => deletes !== true).map(dataOf));
      wake();
    },
    onLost: () => {
      steps.push('lost');
      wake();
    },
  });
  return {
    data,
    steps,
    async until(isSo) {
      while (!isSo()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** Asks again and again, for as long as a machine under load may take. */
export const LONG = { timeout: 30_000 };
