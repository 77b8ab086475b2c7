import { lasting, messageOf } from '../errors.ts';
import type { Outbox, OutboxBatch, OutboxChange, OutboxContent } from './outbox.ts';

/** How long a page that is being left may still hold the lock, in milliseconds. */
const LOCK_WAIT_MS = 3_000;

const EVENTS = 'events';
const BATCH = 'batch';

/**
 * Keeps what a publisher was given in a database of the browser, for pages and workers. One publisher of an origin at a time may have it, which needs
 * Web Locks, and so a secure context. A name for each tab, or one publisher in a shared worker, serves several tabs.
 * @param name - the name of the outbox. The database is called `tidings-outbox:NAME`
 */
export function indexedDbOutbox(name: string): Outbox {
  const database = `tidings-outbox:${name}`;
  let opened: IDBDatabase | undefined;
  let unlock: (() => void) | undefined;

  return {
    async open() {
      unlock = await lock(database);
      const opening = indexedDB.open(database, 1);
      opening.addEventListener('upgradeneeded', () => {
        opening.result.createObjectStore(EVENTS);
        opening.result.createObjectStore(BATCH);
      });
      opened = await resultOf(opening);
      return read(opened);
    },
    async write(changes) {
      if (!opened) throw new Error('the outbox is closed');
      const transaction = opened.transaction([EVENTS, BATCH], 'readwrite', { durability: 'strict' });
      const done = endOf(transaction);
      for (const change of changes) apply(change, transaction);
      await done;
    },
    async close() {
      opened?.close();
      opened = undefined;
      unlock?.();
      unlock = undefined;
    },
  };
}

async function read(database: IDBDatabase): Promise<OutboxContent> {
  const transaction = database.transaction([EVENTS, BATCH]);
  const [numbers, lines, batches] = await Promise.all([
    resultOf(transaction.objectStore(EVENTS).getAllKeys() as IDBRequest<number[]>),
    resultOf(transaction.objectStore(EVENTS).getAll() as IDBRequest<string[]>),
    resultOf(transaction.objectStore(BATCH).getAll() as IDBRequest<OutboxBatch[]>),
  ]);
  return { events: numbers.map((seq, at) => ({ seq, line: lines[at] ?? '' })), batch: batches[0] };
}

function apply(change: OutboxChange, transaction: IDBTransaction): void {
  if (change.type === 'event') transaction.objectStore(EVENTS).add(change.line, change.seq);
  else if (change.type === 'batch') transaction.objectStore(BATCH).put(change.batch, 0);
  else {
    transaction.objectStore(EVENTS).delete(IDBKeyRange.bound(change.first, change.last));
    transaction.objectStore(BATCH).clear();
  }
}

/** Takes a lock. Returns a function that gives it up. @throws ClientError, Error */
function lock(name: string): Promise<() => void> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks) throw lasting('ERR_UNSUPPORTED', 'no Web Locks on this platform, which only secure contexts have');
  const signal = AbortSignal.timeout(LOCK_WAIT_MS);
  return new Promise((resolve, reject) => {
    const held = (): Promise<void> =>
      new Promise((release) => {
        resolve(release);
      });
    locks.request(name, { signal }, held).catch((cause: unknown) => {
      const found = signal.aborted
        ? 'is in use by another publisher of this origin, only one at a time may have it'
        : `cannot be locked: ${messageOf(cause)}`;
      reject(new Error(`${name} ${found}`, { cause }));
    });
  });
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('the request has failed')));
  });
}

function endOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('the transaction was aborted')));
  });
}
