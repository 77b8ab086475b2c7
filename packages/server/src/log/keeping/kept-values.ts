import type { Clock } from '../../clock.ts';
import { checkNames, ServerError, shown } from '../../errors.ts';
import type { SetOptions, StoredValue, StoredValues, ValuesChange } from '../stored-values.ts';
import type { LogTime } from './log-time.ts';
import { RankedNames } from './ranked-names.ts';

const MAX_NAME_BYTES = 512;
const MAX_VALUE_BYTES = 16 * 1024;

/** What all values together may cost, in bytes. */
const MAX_VALUES_BYTES = 16 * 1024 * 1024;

// What a value costs beside its name and text, in memory and on disk.
const COST_OF_VALUE = 256;

// Values whose time is over that one change removes with it.
const MAX_EXPIRED = 100;

/** A value, as it is stored. */
export interface ValueRecord {
  readonly value: string;
  /** When it is forgotten, by the log's own time. */
  readonly until?: number;
}

export type ValueChanges = ReadonlyMap<string, ValueRecord | undefined>;

/** What kept values need of their log. */
export interface ValuesHost {
  readonly clock: Clock;
  readonly time: LogTime;
  isClosed(): boolean;
  /** Runs a change, which does not reject, when the log writes nothing else. `store` makes changes durable; it rejects if they are not stored. */
  inTurn(change: (store: (changes: ValueChanges) => Promise<void>) => Promise<void>): Promise<void>;
}

interface Watcher {
  readonly prefix: string;
  readonly onChange: (change: ValuesChange) => void;
  /** Whether it has been told what there is. */
  isTold: boolean;
}

interface Waiting {
  readonly name: string;
  readonly record: ValueRecord | undefined;
  readonly atMostBytes: number;
  readonly resolve: (existed: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** The values of a log that has them in memory, and may store them, too. Changes that wait for their turn are stored together. */
export class KeptValues implements StoredValues {
  readonly #host: ValuesHost;
  readonly #records = new Map<string, ValueRecord>();
  readonly #ends = new RankedNames();
  readonly #watchers = new Set<Watcher>();
  #bytes = 0;
  #waiting: Waiting[] = [];
  #storing: Promise<void> = Promise.resolve();

  /** @param stored what was stored before */
  constructor(host: ValuesHost, stored: Iterable<readonly [string, ValueRecord]> = []) {
    this.#host = host;
    this.#apply(new Map(stored));
  }

  /** Values that nothing stores. */
  static inMemory(host: Omit<ValuesHost, 'inTurn'>, stored: Iterable<readonly [string, ValueRecord]> = []): KeptValues {
    return new KeptValues({ ...host, inTurn: (change) => change(() => Promise.resolve()) }, stored);
  }

  /** When the time of a value is over next, or was; undefined if no value has such a time. */
  get due(): number | undefined {
    return this.#ends.first?.rank;
  }

  /** Removes the values whose time is over. Nobody is told. */
  expire(): void {
    for (const name of this.#ends.upTo(this.#host.time.now(), Infinity)) {
      this.#bytes -= costOf(name, this.#records.get(name));
      this.#records.delete(name);
      this.#ends.delete(name);
    }
  }

  /** @throws {ServerError} `ERR_INVALID_OPTION` for what may not be set */
  static check(name: string, value: string, options: SetOptions = {}): void {
    checkValue(name, value, options);
  }

  /** All of them, also those whose time is over, to be loaded by another log. */
  get records(): Iterable<readonly [name: string, record: ValueRecord]> {
    return this.#records;
  }

  async get(name: string): Promise<string | undefined> {
    this.#checkOpen();
    return this.#live(name)?.value;
  }

  async set(name: string, value: string, options: SetOptions = {}): Promise<void> {
    this.#checkOpen();
    checkValue(name, value, options);
    const { clock, time } = this.#host;
    const { expiresAt } = options;
    const until = expiresAt === undefined ? {} : { until: time.now() + (expiresAt - clock.time()) };
    await this.#change(name, { value, ...until }, options.atMostBytes);
  }

  async remove(name: string): Promise<boolean> {
    this.#checkOpen();
    return this.#records.has(name) || this.#waiting.length > 0 ? await this.#change(name, undefined) : false;
  }

  async list(prefix: string): Promise<readonly StoredValue[]> {
    this.#checkOpen();
    return this.#beginningWith(prefix);
  }

  /** Takes what is stored now, which others may have changed. */
  refresh(stored: Iterable<readonly [string, ValueRecord]>): void {
    const fresh = new Map(stored);
    const changes = new Map<string, ValueRecord | undefined>();
    for (const name of this.#records.keys()) if (!fresh.has(name)) changes.set(name, undefined);
    for (const [name, record] of fresh) {
      const before = this.#records.get(name);
      if (before?.value !== record.value || before.until !== record.until) changes.set(name, record);
    }
    if (changes.size > 0) this.#apply(changes);
  }

  /** Takes changes that others have stored. */
  take(changes: ValueChanges): void {
    this.#apply(changes);
  }

  watch(prefix: string, onChange: (change: ValuesChange) => void): () => void {
    const watcher: Watcher = { prefix, onChange, isTold: false };
    this.#watchers.add(watcher);
    queueMicrotask(() => {
      if (!this.#watchers.has(watcher)) return;
      watcher.isTold = true;
      onChange({ isWhole: true, set: this.#beginningWith(prefix), removed: [] });
    });
    return () => void this.#watchers.delete(watcher);
  }

  #beginningWith(prefix: string): StoredValue[] {
    const found: StoredValue[] = [];
    for (const name of this.#records.keys()) {
      const record = name.startsWith(prefix) ? this.#live(name) : undefined;
      if (record) found.push({ name, value: record.value });
    }
    return found.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  #live(name: string): ValueRecord | undefined {
    const record = this.#records.get(name);
    return record?.until !== undefined && record.until <= this.#host.time.now() ? undefined : record;
  }

  #change(name: string, record: ValueRecord | undefined, atMostBytes: number = MAX_VALUES_BYTES): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ name, record, atMostBytes, resolve, reject }) > 1) return;
      this.#storing = this.#storing.then(() => this.#host.inTurn((store) => this.#storeWaiting(store)));
    });
  }

  /** Makes the changes that wait. Does not reject. */
  async #storeWaiting(store: (changes: ValueChanges) => Promise<void>): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    const changes = new Map<string, ValueRecord | undefined>();
    let bytes = this.#bytes;
    const put = (name: string, record: ValueRecord | undefined): void => {
      bytes += costOf(name, record) - costOf(name, this.#known(name, changes));
      changes.set(name, record);
    };
    for (const name of this.#ends.upTo(this.#host.time.now(), MAX_EXPIRED)) put(name, undefined);
    const done: (() => void)[] = [];
    for (const { name, record, atMostBytes, resolve, reject } of waiting) {
      const before = this.#known(name, changes);
      if (record && bytes + costOf(name, record) - costOf(name, before) > atMostBytes) {
        const message = `Cannot store ${shown(name)}: the values of this log would cost more than ${atMostBytes} bytes`;
        reject(new ServerError('ERR_TOO_MANY_VALUES', message));
        continue;
      }
      put(name, record);
      done.push(() => resolve(before !== undefined));
    }
    try {
      this.#checkOpen();
      if (changes.size > 0) await store(changes);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
      return;
    }
    this.#apply(changes);
    for (const each of done) each();
  }

  #known(name: string, changes: ValueChanges): ValueRecord | undefined {
    return changes.has(name) ? changes.get(name) : this.#records.get(name);
  }

  #apply(changes: ValueChanges): void {
    for (const [name, record] of changes) {
      this.#bytes += costOf(name, record) - costOf(name, this.#records.get(name));
      if (record) this.#records.set(name, record);
      else this.#records.delete(name);
      if (record?.until === undefined) this.#ends.delete(name);
      else this.#ends.set(name, record.until);
    }
    for (const { prefix, onChange, isTold } of this.#watchers) {
      const change = isTold ? changeOf(changes, prefix) : undefined;
      if (change) onChange(change);
    }
  }

  #checkOpen(): void {
    if (this.#host.isClosed()) throw new ServerError('ERR_CLOSED', 'Cannot use stored values: the log has been closed');
  }
}

/** What changes are to who watches a prefix; undefined if they are nothing. The cost grows with the changes, and not with the values. */
function changeOf(changes: ValueChanges, prefix: string): ValuesChange | undefined {
  const names = [...changes.keys()].filter((name) => name.startsWith(prefix)).toSorted();
  if (names.length === 0) return undefined;
  const [set, removed]: [StoredValue[], string[]] = [[], []];
  for (const name of names) {
    const record = changes.get(name);
    if (record) set.push({ name, value: record.value });
    else removed.push(name);
  }
  return { isWhole: false, set, removed };
}

function costOf(name: string, record: ValueRecord | undefined): number {
  return record ? COST_OF_VALUE + 2 * (name.length + record.value.length) : 0;
}

const SET_OPTIONS: Readonly<Record<keyof SetOptions, true>> = { expiresAt: true, atMostBytes: true };

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkValue(name: unknown, value: unknown, options: SetOptions): void {
  checkNames(options, SET_OPTIONS);
  checkText('The name of a stored value', name, 1, MAX_NAME_BYTES);
  checkText('A stored value', value, 0, MAX_VALUE_BYTES);
  const { expiresAt, atMostBytes = 1 } = options;
  if (!(atMostBytes >= 1 && atMostBytes <= MAX_VALUES_BYTES)) {
    throw invalid(
      `The option atMostBytes is ${shown(atMostBytes)}, but must be a number from 1 to ${MAX_VALUES_BYTES}`,
    );
  }
  if (expiresAt === undefined || (typeof expiresAt === 'number' && Number.isFinite(expiresAt))) return;
  throw invalid(`The option expiresAt is ${shown(expiresAt)}, but must be milliseconds since 1970`);
}

function checkText(what: string, text: unknown, least: number, most: number): void {
  if (typeof text !== 'string') throw invalid(`${what} is ${shown(text)}, but must be a string`);
  if (!text.isWellFormed()) throw invalid(`${what} has a lone surrogate, which is not allowed`);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes >= least && bytes <= most) return;
  throw invalid(`${what} is ${bytes} bytes long, but must be ${least} to ${most} bytes of UTF-8`);
}

function invalid(message: string): ServerError {
  return new ServerError('ERR_INVALID_OPTION', message);
}
