import { EventSource, subscribe } from '@tidings/client';
import { describe, expect, test } from 'vitest';
import { busyFetch } from './busy-body.ts';

const URL = 'http://tidings.test/stream';

describe.each(['stream', 'iterable'] as const)('a body that never waits, a %s', (kind) => {
  test('leaves others their turns while an EventSource reads it', async () => {
    const { fetch, hadTurn } = busyFetch(kind);
    const source = new EventSource(URL, { fetch });
    await new Promise((resolve) => source.addEventListener('error', resolve));
    source.close();
    expect(hadTurn()).toBe(true);
  });

  test('leaves others their turns while a loop takes its events', async () => {
    const { fetch, hadTurn } = busyFetch(kind);
    let events = 0;
    for await (const _ of subscribe(URL, { fetch, retry: { maxAttempts: 1 } })) events++;
    expect(hadTurn()).toBe(true);
    expect(events).toBeGreaterThan(0);
  });
});
