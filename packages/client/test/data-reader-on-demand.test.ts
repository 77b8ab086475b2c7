import { expect, test, vi } from 'vitest';
import { failureOf, start } from './subscription-harness.ts';

vi.mock('../dist/subscription/data-reader.js', () => {
  throw new Error('it cannot be fetched');
});

test('where the code that reads data cannot be fetched, the loop ends with the error of that', async () => {
  const { events, next, subscription } = start({ json: true });
  expect(await failureOf(next())).toBeInstanceOf(Error);
  expect(subscription.state.phase).toBe('closed');
  expect(await events.next()).toEqual({ done: true, value: undefined });
});

test('text that is not read needs no such code', async () => {
  const { server, next } = start();
  const request = await server.request(0);
  request.open();
  request.send('data: 1\n\n');
  expect(await next()).toMatchObject({ data: '1' });
});
