import { ConnectionError } from '@tidings/client';
import { expect, test } from 'vitest';
import { pack, type TabMessage, unpack } from '../dist/shared/protocol.js';

/** What another tab gets of the error of a refusal. */
function sent(headers: { get(name: string): string | null }): ConnectionError | undefined {
  const error = new ConnectionError({
    code: 'ERR_STATUS',
    message: 'could not listen',
    url: 'http://tidings.test/',
    attempt: 2,
    willRetry: true,
    status: 429,
    headers,
    body: 'slow down',
    cause: new Error('the cause'),
  });
  const message: TabMessage = { type: 'state', state: { phase: 'waiting', attempt: 2, retryAt: 5, error } };
  const received = unpack(structuredClone(pack(message)) as TabMessage, ConnectionError);
  return 'state' in received ? received.state.error : undefined;
}

test('an error that goes to another tab keeps the headers and the body of the refusal', () => {
  const error = sent(new Headers({ 'Retry-After': '7' }));
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error).toMatchObject({
    code: 'ERR_STATUS',
    status: 429,
    body: 'slow down',
    cause: 'the cause',
    willRetry: true,
  });
  expect(error?.headers?.get('retry-after')).toBe('7');
});

test('an error whose headers cannot be listed goes without them', () => {
  expect(sent({ get: () => null })?.headers?.get('retry-after')).toBeNull();
});
