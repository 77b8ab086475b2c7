// Stands in the place of the store in memory in the tests of assistant-stream.

import { createResumableStreamStore, type ResumableStreamStore } from '@tidings/server/assistant-ui';
import { MemoryLog } from '@tidings/server/log';
import { Runs } from '@tidings/server/runs';

/** @param options those of the store in memory, of which ours has none: a test that gives any is about them, and fails */
export function createInMemoryResumableStreamStore(
  options: Readonly<Record<string, unknown>> = {},
): ResumableStreamStore & { dispose(): void } {
  const log = new MemoryLog();
  const store = createResumableStreamStore({ runs: new Runs({ log }) });
  const dispose = (): void => void log.close();
  const [name] = Object.keys(options);
  if (name === undefined) return Object.assign(store, { dispose });
  // With its first call, so that the test puts back what it has changed.
  const refuse = (): never => {
    throw new Error(`The option ${name} is the store’s own`);
  };
  return new Proxy(Object.assign(store, { dispose }), {
    get: (_, method) => (method === 'dispose' ? dispose : refuse),
  });
}
