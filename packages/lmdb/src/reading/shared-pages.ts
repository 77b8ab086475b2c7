import {
  Epochs,
  type EarlierEpoch,
  type LogPage,
  type PagePlan,
  type ReadRequest,
  Selector,
} from '@tidings/server/log';
import type { Database, RootDatabase } from 'lmdb';
import { LmdbError } from '../errors.ts';
import { openToRead } from '../folder/folder.ts';
import { isIntact, type KeptEntry, RecordDecoder } from '../records/record.ts';
import { LENDING } from '../tables/store.ts';
import { PageRoom } from './page-room.ts';

// A page that finds nothing for so many events ends there, so that others do not wait long.
const MAX_EXAMINED = 4000;

/** Reads pages of a data folder that another process of this machine has open, and writes. What has been trimmed that process says, in the plan of each page. */
export class LmdbPages {
  readonly #root: RootDatabase;
  readonly #meta: Database<unknown, string>;
  readonly #events: Database<Buffer, number>;
  readonly #byTopic: Database<Buffer, [topic: string, seq: number]>;
  readonly #room = new PageRoom();
  #epochs: Epochs | undefined;
  #records: RecordDecoder | undefined;

  private constructor(root: RootDatabase) {
    this.#root = root;
    this.#meta = root.openDB({ name: 'meta', encoding: 'json' });
    this.#events = root.openDB({ name: 'events', ...LENDING });
    this.#byTopic = root.openDB({ name: 'by-topic', encoding: 'binary' });
  }

  /**
   * Opens the data folder of a log that is open in another process.
   * @throws {LmdbError} `ERR_DATA_FOLDER` if it cannot be read
   */
  static open({ path }: { readonly path: string }): LmdbPages {
    try {
      return new LmdbPages(openToRead(path));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new LmdbError('ERR_DATA_FOLDER', `The data folder ${path} cannot be read by another process: ${why}`, {
        cause,
      });
    }
  }

  /** The entries of a page; undefined if the process of the log has to read it. */
  page(request: ReadRequest, plan: PagePlan): Pick<LogPage, 'entries' | 'through'> | undefined {
    // Otherwise what was committed a moment ago would not be seen.
    this.#root.resetReadTxn();
    const records = this.#recordsOf(plan.epoch);
    // All that is read in one turn is of one commit. If nothing was removed before that commit and after the plan was made, nothing is missing that the plan does not tell.
    if (!records || ((this.#meta.get('removals') as number | undefined) ?? 0) !== plan.removals) return undefined;
    const { selection, after, through, maxBytes } = request;
    const selector = Selector.of(selection);
    const room = this.#room;
    room.begin();
    let reached = through;
    let examined = 0;
    for (const [seq, record] of this.#rising(plan.topic, after, through)) {
      // The process of the log takes it out.
      if (!isIntact(record, seq)) return undefined;
      const entry: KeptEntry = records.decode(record, seq);
      if (selector.selects(entry)) room.take(entry, maxBytes);
      examined += 1;
      if (room.bytes >= maxBytes || examined >= MAX_EXAMINED) {
        reached = seq;
        break;
      }
    }
    return { entries: room.end(), through: reached };
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  /** Records as they are lent, oldest first: each is valid until the next one. */
  *#rising(topic: string | undefined, after: number, through: number): Iterable<readonly [number, Buffer]> {
    if (topic === undefined) {
      for (const { key, value } of this.#events.getRange({ start: after + 1, end: through + 1 })) yield [key, value];
      return;
    }
    for (const [, seq] of this.#byTopic.getKeys({ start: [topic, after + 1], end: [topic, through + 1] })) {
      const record = this.#events.get(seq);
      if (record) yield [seq, record];
    }
  }

  /** Undefined if these data are not, or not yet, of that epoch. */
  #recordsOf(epoch: string): RecordDecoder | undefined {
    if (this.#epochs?.current === epoch) return this.#records;
    const current = this.#meta.get('epoch') as string | undefined;
    if (current !== epoch) return undefined;
    this.#epochs = new Epochs(current, this.#meta.get('earlier-epochs') as EarlierEpoch[] | undefined);
    this.#records = new RecordDecoder(this.#epochs);
    return this.#records;
  }
}
