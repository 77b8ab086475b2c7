import { expect, test } from 'vitest';
import { HubProcess } from './hub-process.ts';

const MIB = 1024 * 1024;

/** How many events, and what each of them is as a line of JSON, by its number. Together they are several times the 128 MiB that are kept unless told otherwise. */
const SHAPES: readonly (readonly [count: number, line: (n: number) => string])[] = [
  [230_000, () => '{"topic":"a","data":""}'],
  [140_000, (n) => `{"topic":"t/${n}","data":""}`],
  [30_000, (n) => `{"topic":"${String(n).padStart(1000, 'n')}","data":""}`],
  [10_000, (n) => `{"topic":"b","id":"${String(n).padStart(500, 'i')}","data":""}`],
  [150, (n) => `{"topic":"c/${n % 7}","data":"${'x'.repeat(100_000)}"}`],
];

// Less than the 512 MiB that it has to live in: without a bound these events take more than this.
const HEAP_MIB = 320;

test('with its defaults a hub in memory lives in a heap of 512 MiB, whatever is published', async () => {
  const hub = await HubProcess.start('--memory', { env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` } });
  const publish = async (lines: readonly string[]): Promise<string> => {
    const response = await fetch(new URL('topics', hub.url), {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.join('\n'),
    });
    expect(response.status).toBe(200);
    return await response.text();
  };
  const page = async (query: string): Promise<{ events: { id: string }[]; gap?: { reason: string } }> => {
    const response = await fetch(new URL(`topics?match_urlpattern=*&${query}`, hub.url), {
      headers: { accept: 'application/json' },
    });
    return (await response.json()) as { events: { id: string }[]; gap?: { reason: string } };
  };
  const first = await publish(['{"topic":"a","data":""}']);
  for (const [count, line] of SHAPES) {
    // As large as batches may be.
    const size = Math.min(10_000, Math.floor((15 * MIB) / line(0).length));
    let last = '';
    for (let from = 0; from < count; from += size) {
      last = await publish(Array.from({ length: size }, (_, n) => line(from + n)));
    }
    expect((await page('last=1')).events.map(({ id }) => id)).toEqual([last]);
    expect((await page(`lastEventId=${first}&limit=1`)).gap?.reason).toBe('trimmed');
  }
  expect(hub.process.stderr).toBe('');
});
