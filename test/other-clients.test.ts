import { describe, expect, onTestFinished, test } from 'vitest';
import { listenOnNode, NODE_CLIENTS } from '../docs/checks/others/node-clients.ts';
import { PAGE_CLIENTS } from '../docs/checks/others/page-clients.ts';
import { Pages } from '../docs/checks/others/pages.ts';
import { Server } from '../docs/checks/others/servers.ts';
import { type End, type TrialOptions, runTrial, verdictOn } from '../docs/checks/others/trial.ts';
import { isMissing, startBrowser } from './browser.ts';

// The tables of docs/other-clients.md have all combinations; these are the ones where everybody comes back.

const ENDS: readonly End[] = [
  { signal: 'SIGKILL', awayMs: 0 },
  { signal: 'SIGKILL', awayMs: 1_000 },
];

// A short reconnection time, so that nobody waits for long. Some clients give up after ten attempts, which a server that starts slowly must not use up.
const OPTIONS: TrialOptions = { waitMs: 120_000, ends: ENDS, retryMs: 500 };

describe('clients of others', () => {
  describe.each([
    ['chromium', 'Channel'],
    ['firefox', 'hub --supervise'],
  ] as const)('on pages in %s', (name, kind) => {
    test.skipIf(isMissing(name))(
      `get every event of a killed ${kind} once and in order`,
      async () => {
        await using pages = await Pages.start();
        await using server = await Server.start(kind, pages.origin);
        const browser = await startBrowser(name);
        onTestFinished(() => browser.close());
        const listeners = await Promise.all(PAGE_CLIENTS.map((client) => pages.open(browser, client, server)));
        const verdicts = await runTrial(server, listeners, OPTIONS);
        expect(Object.fromEntries(verdicts)).toEqual(
          Object.fromEntries(PAGE_CLIENTS.map(({ title }) => [title, 'yes'])),
        );
      },
      600_000,
    );
  });

  test('on Node get every event of a killed hub once and in order, or throw', async () => {
    await using server = await Server.start('hub', 'http://127.0.0.1');
    using stack = new DisposableStack();
    const listeners = NODE_CLIENTS.map((client) => listenOnNode(client, server, stack));
    const verdicts = await runTrial(server, listeners, OPTIONS);
    expect(Object.fromEntries(verdicts)).toEqual(
      Object.fromEntries(NODE_CLIENTS.map(({ title, verdict = 'yes' }) => [title, verdict])),
    );
  });

  test.each([
    ['yes', ['2', '3', '4']],
    ['gets no event', []],
    ['loses 1 of 3', ['2', '4']],
    ['gets 1 twice', ['2', '3', '3', '4']],
    ['in another order', ['2', '4', '3']],
    ['does not come back', ['2', '3']],
    ['is told of a gap, loses 1 of 3', ['2', 'is told of a gap', '4']],
  ])('are found out: %s', (verdict, got) => {
    expect(verdictOn(got, 4)).toBe(verdict);
  });
});
