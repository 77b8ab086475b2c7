import { afterEach, expect, test, vi } from 'vitest';
import { settle } from './scripted-fetch.ts';
import { start } from './subscription-harness.ts';

vi.mock('../dist/shared/shared-feed.js', () => {
  throw new Error('it cannot be fetched');
});

afterEach(() => void vi.unstubAllGlobals());

function startInBrowser() {
  vi.stubGlobal('document', {});
  vi.stubGlobal('navigator', { locks: {} });
  return start({ shared: true });
}

test('where the code for sharing cannot be fetched, a tab has a connection of its own', async () => {
  const { server, next, subscription } = startInBrowser();
  const request = await server.request(0);
  request.open();
  request.send('id: 1\ndata: a\n\n');
  expect(await next()).toMatchObject({ data: 'a' });
  subscription.close();
  expect(request.init.signal.aborted).toBe(true);
});

test('what is closed before the code for sharing is there asks for nothing', async () => {
  const { server, events, states, subscription } = startInBrowser();
  subscription.close();
  await settle();
  expect(server.requests).toHaveLength(0);
  expect(states).toEqual([{ phase: 'closed', attempt: 1 }]);
  expect(await events.next()).toEqual({ done: true, value: undefined });
});
