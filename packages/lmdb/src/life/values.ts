import { KeptValues, type ValuesHost } from '@tidings/server/log';
import type { LmdbWriter } from '../writing/writer.ts';
import type { LmdbStore } from '../tables/store.ts';

/** The values of a log on disk: in a table, and in memory. */
export function openValues(store: LmdbStore, writer: LmdbWriter, host: Omit<ValuesHost, 'inTurn'>): KeptValues {
  const stored = store.values.getRange().map(({ key, value }) => [key, value] as const);
  const inTurn: ValuesHost['inTurn'] = (change) =>
    writer.inTurn(() =>
      change((changes) =>
        writer.write(
          writer.head,
          (track) => {
            for (const [name, record] of changes) {
              track(record ? store.values.put(name, record) : store.values.remove(name));
            }
          },
          changes.size,
        ),
      ),
    );
  return new KeptValues({ ...host, inTurn }, stored);
}
