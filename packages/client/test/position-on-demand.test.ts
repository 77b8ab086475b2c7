import { StoreError } from '@tidings/client';
import { expect, test, vi } from 'vitest';
import { failureOf, start } from './subscription-harness.ts';

vi.mock('../dist/position/position-keeper.js', () => {
  throw new Error('it cannot be fetched');
});

const store = { get: () => '7', set: () => {} };

test('where the code for a store cannot be fetched, the loop ends with an error and nothing is requested', async () => {
  const { server, next, states } = start({ store });
  const failure = await failureOf(next());
  expect(failure).toBeInstanceOf(StoreError);
  expect(failure).toMatchObject({
    code: 'ERR_STORE',
    message: expect.stringMatching(/^could not keep the position: ./),
  });
  expect(server.requests).toHaveLength(0);
  expect(states).toEqual([{ phase: 'closed', attempt: 1 }]);
});

test('what is closed before the code for a store is there ends well', async () => {
  const { server, events, subscription } = start({ store });
  subscription.close();
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(server.requests).toHaveLength(0);
});
