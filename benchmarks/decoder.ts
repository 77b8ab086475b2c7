// Decoding speed: @tidings/wire against eventsource-parser behind a streaming TextDecoder, which is how that one reads bytes.
//
// Method: each row feeds the same byte stream, cut into chunks beforehand, to both in one process. A run goes through the
// whole stream with a fresh decoder and counts events and characters, which must be equal. Runs alternate, ours then theirs,
// so that heat, frequency and garbage of one fall on the other too; the row shows the median of each, and the median of the ratios
// of runs that follow each other, because a machine's speed changes from one second to the next. Before measuring,
// every kind of input has gone through both, so no row profits from code that was compiled for it alone.

import { pathToFileURL } from 'node:url';
import { EventStreamDecoder } from '@tidings/wire';
import { createParser } from 'eventsource-parser';

export const title: string = 'Decoding an event stream';

const CHUNK_BYTES = [16, 64, 1_400, 65_536];
const STREAM_BYTES = 1_000_000;
const MAX_PAIRS = 41;
const MILLISECONDS_PER_ROW = 1_200;

const encoder = new TextEncoder();

const inputs: Record<string, Uint8Array> = {
  'LLM deltas': repeat((i) => {
    const delta = { content: [' the', ' server', ' sends', ' events', ' in', ' order'][i % 6] };
    const choices = [{ index: 0, delta, finish_reason: null }];
    return `data: ${JSON.stringify({ id: 'chatcmpl-7f2c9b', object: 'chat.completion.chunk', choices })}\n\n`;
  }),
  'tiny events': repeat((i) => `data: ${i % 10}\n\n`),
  'CJK text': repeat((i) => `id: ${i}\ndata: 每一位听众都会按顺序收到它有权收到的每一个事件，一次不多，一次不少。\n\n`),
  'CRLF lines': repeat((i) => `event: price\r\nid: ${i}\r\ndata: {"symbol":"TDNG","price":${100 + (i % 50)}}\r\n\r\n`),
  'one 2 MB event': encoder.encode(`data: ${'All of it arrives in one event. '.repeat(65_536)}\n\n`),
};

function repeat(block: (i: number) => string): Uint8Array {
  let text = '';
  for (let i = 0; text.length < STREAM_BYTES; i++) text += block(i);
  return encoder.encode(text);
}

function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += size) chunks.push(bytes.slice(from, from + size));
  return chunks;
}

function ours(chunks: Uint8Array[]): number {
  let count = 0;
  const decoder = new EventStreamDecoder({ onEvent: (event) => (count += 1 + event.data.length) });
  for (const chunk of chunks) decoder.write(chunk);
  decoder.end();
  return count;
}

function theirs(chunks: Uint8Array[]): number {
  let count = 0;
  const text = new TextDecoder();
  const parser = createParser({ onEvent: (event) => (count += 1 + event.data.length), maxBufferSize: Infinity });
  for (const chunk of chunks) parser.feed(text.decode(chunk, { stream: true }));
  return count;
}

function milliseconds(decode: (chunks: Uint8Array[]) => number, chunks: Uint8Array[]): number {
  const start = performance.now();
  decode(chunks);
  return performance.now() - start;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

function compare(chunks: Uint8Array[]): { ours: number; theirs: number; ratio: number } {
  const times = { ours: [] as number[], theirs: [] as number[] };
  const start = performance.now();
  while (times.ours.length < 3 || (performance.now() - start < MILLISECONDS_PER_ROW && times.ours.length < MAX_PAIRS)) {
    times.ours.push(milliseconds(ours, chunks));
    times.theirs.push(milliseconds(theirs, chunks));
  }
  const ratios = times.ours.map((time, i) => (times.theirs[i] ?? NaN) / time);
  return { ours: median(times.ours), theirs: median(times.theirs), ratio: median(ratios) };
}

/** Prints the table. Takes about half a minute. */
export async function run(): Promise<void> {
  const { bun, node } = process.versions;
  const runtime = bun === undefined ? `Node ${node}` : `Bun ${bun}`;
  console.log(`${title}: MB/s, median of alternating runs in one process, ${runtime}`);
  const streams = Object.entries(inputs).flatMap(([name, bytes]) =>
    CHUNK_BYTES.map((size) => ({ name, size, bytes: bytes.length, chunks: cut(bytes, size) })),
  );
  for (const { name, size, chunks } of streams) {
    const [a, b] = [ours(chunks), theirs(chunks)];
    if (a !== b)
      throw new Error(`Cannot compare ${name} in chunks of ${size} bytes: ${a} and ${b} events and characters`);
  }

  console.log('\n| input | chunk bytes | @tidings/wire | eventsource-parser | ratio |');
  console.log('|---|---:|---:|---:|---:|');
  for (const { name, size, bytes, chunks } of streams) {
    const time = compare(chunks);
    const speed = (ms: number) => Math.round(bytes / ms / 1_000).toLocaleString('en');
    const [own, others, ratio] = [speed(time.ours), speed(time.theirs), time.ratio.toFixed(2)];
    console.log(`| ${name} | ${size.toLocaleString('en')} | ${own} | ${others} | ${ratio} |`);
    // Lets the garbage of a row be collected, and other processes run.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run();
