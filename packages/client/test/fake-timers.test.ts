import { EventSource, type Fetch, subscribe, type SubscriptionState } from '@tidings/client';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { settle } from './scripted-fetch.ts';

const URL = 'http://tidings.test/stream';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A fetch that fails, and how often it was called. */
function failing(): { fetch: Fetch; requests: () => number } {
  let requests = 0;
  const fetch: Fetch = () => {
    requests++;
    return Promise.reject(new TypeError('refused'));
  };
  return { fetch, requests: () => requests };
}

/** What tools fake: the defaults of several, some of which leave `performance` or microtasks alone and some do not. */
const FAKED = [
  { tool: 'node:test', toFake: ['setTimeout', 'clearTimeout', 'Date'] },
  { tool: 'timers only', toFake: ['setTimeout', 'clearTimeout'] },
  { tool: 'vitest', toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] },
  { tool: 'Jest', toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance', 'queueMicrotask'] },
] as const;

describe.each(FAKED)('with what $tool fakes', ({ toFake }) => {
  test('a subscription reconnects when the wait has passed on the clock of the test, and not before', async () => {
    vi.useFakeTimers({ toFake: [...toFake] });
    vi.spyOn(Math, 'random').mockReturnValue(1 - Number.EPSILON);
    const { fetch, requests } = failing();
    const subscription = subscribe(URL, { fetch, retry: { initialMs: 25_000 } });
    await settle();
    expect(requests()).toBe(1);
    vi.advanceTimersByTime(24_000);
    await settle();
    expect(requests()).toBe(1);
    vi.advanceTimersByTime(1_500);
    await settle();
    expect(requests()).toBe(2);
    subscription.close();
  });

  test('a source reconnects when the wait has passed on the clock of the test', async () => {
    vi.useFakeTimers({ toFake: [...toFake] });
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const { fetch, requests } = failing();
    const source = new EventSource(URL, { fetch });
    await settle();
    vi.advanceTimersByTime(2_900);
    await settle();
    expect(requests()).toBe(1);
    vi.advanceTimersByTime(200);
    await settle();
    expect(requests()).toBe(2);
    source.close();
  });

  test('a signal that has aborted already, and reconnect(), need no time to pass', async () => {
    vi.useFakeTimers({ toFake: [...toFake] });
    const { fetch, requests } = failing();
    const aborted = subscribe(URL, { fetch, signal: AbortSignal.abort() });
    await settle();
    expect(aborted.state.phase).toBe('closed');
    expect(requests()).toBe(0);
    const subscription = subscribe(URL, { fetch });
    await settle();
    subscription.reconnect();
    await settle();
    expect(requests()).toBe(2);
    subscription.close();
  });
});

test('a time of day and a chance that are replaced after the client was loaded are used', async () => {
  const aheadMs = 86_400_000;
  const real = Date.now;
  vi.spyOn(Date, 'now').mockImplementation(() => real() + aheadMs);
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  let waiting: SubscriptionState | undefined;
  const began = Date.now();
  const subscription = subscribe(URL, {
    fetch: failing().fetch,
    retry: { initialMs: 20_000 },
    onState: (state) => (waiting ??= state),
  });
  await settle();
  subscription.close();
  expect(waiting?.retryAt).toBeGreaterThanOrEqual(began + 10_000);
});
