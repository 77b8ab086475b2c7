import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/**
 * How to run a process that measures: by the conditions this one chooses the files of a package by, and without the engine's other
 * threads, whose memory comes and goes by itself.
 */
const flags = [
  ...process.execArgv.filter((arg) => arg.startsWith('--conditions=')),
  '--single-threaded',
  '--expose-gc',
  '--input-type=module',
];

const CHUNKS_OF = { ascii: 'x', wide: '\\u8a9e', mixed: 'x\\u8a9exx' };

// A process of its own: only there can garbage be collected on demand, and nothing else moves the heap
const script = `
  import { EventStreamDecoder } from '@tidings/wire';
  const [chunkBytes, filler] = [Number(process.argv[1]), process.argv[2]];
  const TOTAL = 60_000_000, KEPT = 1_000;
  const block = (i) => 'id: id-of-an-event-' + i + '\\ndata: a small event that somebody keeps, ' + i + '\\n\\n';
  // A long comment now and then: text next to a kept event that must not stay alive with it
  const rest = ('data: ' + filler.repeat(60 / filler.length) + '\\n\\n').repeat(20) + ': ' + filler.repeat(18_000 / filler.length) + '\\n';
  const bytes = new TextEncoder().encode(block(1000) + rest);
  const kept = [];
  const decoder = new EventStreamDecoder({ onEvent(event) { if (event.data.startsWith('a small')) kept.push(event); } });
  const feed = (n) => {
    for (let from = 0; from < n; from += bytes.length)
      for (let at = 0; at < bytes.length; at += chunkBytes) decoder.write(bytes.slice(at, at + chunkBytes));
  };
  const memory = () => {
    gc(); gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const every = Math.max(1, Math.floor(TOTAL / bytes.length / KEPT));
  feed(TOTAL);
  const events = kept.length;
  const sample = kept.filter((_, i) => i % every === 0).slice(0, KEPT);
  kept.length = 0;
  const count = sample.length;
  const holding = memory();
  sample.length = 0;
  // What is freed when they are let go of is what they held: the engine's own memory comes and goes by itself
  console.log(JSON.stringify({ events: count, of: events, held: holding - memory() }));
`;

test.each([
  { chunkBytes: 65_536, text: 'ascii' },
  { chunkBytes: 1_400, text: 'ascii' },
  { chunkBytes: 400, text: 'ascii' },
  { chunkBytes: 65_536, text: 'wide' },
  { chunkBytes: 1_400, text: 'wide' },
  { chunkBytes: 65_536, text: 'mixed' },
  { chunkBytes: 1_400, text: 'mixed' },
] as const)(
  '1,000 small events kept out of 60 MB of $text text in chunks of $chunkBytes bytes hold less than 1 MB',
  async ({ chunkBytes, text }) => {
    const filler = JSON.parse(`"${CHUNKS_OF[text]}"`) as string;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...flags, '-e', script, String(chunkBytes), filler],
      { cwd: import.meta.dirname },
    );
    const { events, held } = JSON.parse(stdout) as { events: number; held: number };
    expect(events).toBe(1_000);
    expect(held).toBeLessThan(1_000_000);
  },
);

const unfinishedScript = `
  import { EventStreamDecoder } from '@tidings/wire';
  const [block, times] = [process.argv[1].replaceAll('|', '\\n'), Number(process.argv[2])];
  const bytes = new TextEncoder().encode(block.repeat(100));
  const decoder = new EventStreamDecoder({ onEvent() {} });
  gc(); gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < times; i += 100) decoder.write(bytes);
  gc(); gc();
  console.log(process.memoryUsage().heapUsed - before);
  decoder.end();
`;

test.each([
  { what: 'empty data lines', block: 'data|', times: 2_000_000, bytes: 2_000_000 },
  {
    what: 'short data lines among comments',
    block: `data: thirteen characters|: ${'x'.repeat(700)}|`,
    times: 20_000,
    bytes: 400_000,
  },
])('an unfinished event of $what holds little more than its bytes', async ({ block, times, bytes }) => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...flags, '-e', unfinishedScript, block, String(times)],
    { cwd: import.meta.dirname },
  );
  // That it is measured at all; what was garbage before may be gone by then.
  expect(Number(stdout)).toBeGreaterThan(bytes / 2);
  expect(Number(stdout)).toBeLessThan(bytes + 2_000_000);
});
