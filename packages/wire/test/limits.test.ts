import { describe, expect, test } from 'vitest';
import { DEFAULT_MAX_EVENT_BYTES, EventStreamError, type EventMessage } from '@tidings/wire';
import { bytesOf, chunkings, collecting, record, utf8 } from './recording.ts';

const data = (events: EventMessage[]): string[] => events.map((event) => event.data);

describe('maxEventBytes', () => {
  const tooLarge = { error: 'ERR_EVENT_TOO_LARGE' };

  /** The number of events before the error; every chunking has to agree. */
  function outcome(input: string, maxEventBytes: number): { events: number; failed: boolean } {
    const bytes = utf8(input);
    const outcomes = [...chunkings(bytes)].map((chunks) => {
      const { reports } = record(chunks, { maxEventBytes });
      return {
        events: reports.filter((report) => 'event' in report).length,
        failed: 'error' in (reports.at(-1) ?? {}),
      };
    });
    for (const other of outcomes) expect(other).toEqual(outcomes[0]);
    return outcomes[0]!;
  }

  test.each([
    { what: 'a line of as many bytes', input: 'data: 1234\n\n', max: 10, events: 1, failed: false },
    { what: 'a line of one more byte', input: 'data: 12345\n\n', max: 10, events: 0, failed: true },
    { what: 'an unfinished line of as many bytes', input: 'data: 1234', max: 10, events: 0, failed: false },
    { what: 'an unfinished line of one more byte', input: 'data: 12345', max: 10, events: 0, failed: true },
    {
      what: 'the events before',
      input: 'data: 1\n\ndata: 2\n\ndata: 12345\n\ndata: 3\n\n',
      max: 10,
      events: 2,
      failed: true,
    },
    { what: 'two data lines within it', input: 'data: 12\ndata: 1\n\n', max: 10, events: 1, failed: false },
    { what: 'two data lines past it', input: 'data: 123\ndata: 1\n\n', max: 10, events: 0, failed: true },
    { what: 'many empty data lines', input: 'data\n'.repeat(12), max: 10, events: 0, failed: true },
    { what: 'a type and data past it', input: 'event: 12345\ndata: 1\n\n', max: 11, events: 0, failed: true },
    { what: 'a type and data within it', input: 'event: 1234\ndata: 1\n\n', max: 11, events: 1, failed: false },
    { what: 'an id and data past it', input: 'id: 12345\ndata: 1\n\n', max: 11, events: 0, failed: true },
    {
      what: 'types in place of each other, which count all',
      input: `${'event: 123\n'.repeat(9)}data: 1\n\n`,
      max: 34,
      events: 1,
      failed: false,
    },
    {
      what: 'ids in place of each other past it',
      input: `${'id: 123\n'.repeat(9)}data: 1\n\n`,
      max: 33,
      events: 0,
      failed: true,
    },
    { what: 'a long comment', input: ': 3456789012\n', max: 10, events: 0, failed: true },
    { what: 'a long unknown field', input: 'unknown: 012\n', max: 10, events: 0, failed: true },
    { what: 'comments without end', input: `data: 1\n${': 345678\n'.repeat(40)}\n`, max: 10, events: 1, failed: false },
    { what: 'a comment after buffered data', input: 'data: 12\n: 34567\n', max: 9, events: 0, failed: true },
    { what: 'an unfinished comment after data', input: 'data: 12\n: 34567', max: 9, events: 0, failed: true },
    {
      what: 'unknown fields without end',
      input: `data: 1\n${'x: 4567\n'.repeat(40)}\n`,
      max: 9,
      events: 1,
      failed: false,
    },
    { what: 'an empty line after data that fills it', input: 'data\n\n', max: 4, events: 1, failed: false },
    { what: 'characters of three bytes within it', input: 'data: 語\ndata: é\n\n', max: 9, events: 1, failed: false },
    { what: 'characters of three bytes past it', input: 'data: 語é\ndata\n\n', max: 6, events: 0, failed: true },
    { what: 'characters of four bytes within it', input: 'data: 😀\n\n', max: 8, events: 1, failed: false },
    { what: 'characters of four bytes past it', input: 'data: 😀\n\n', max: 7, events: 0, failed: true },
    { what: 'blocks that do not add up', input: 'data: 12\n\n'.repeat(20), max: 10, events: 20, failed: false },
    { what: 'a leading BOM', input: '\ufeff:\n', max: 1, events: 0, failed: false },
  ])('$what: $failed at a limit of $max', ({ input, max, events, failed }) => {
    expect(outcome(input, max)).toEqual({ events, failed });
  });

  test('a malformed byte counts as its U+FFFD, whatever it is read together with', () => {
    const bytes = bytesOf('data: \xc3\xa9\ndata: \xff\xff\xff\n\n');
    for (const chunks of chunkings(bytes)) {
      expect(record(chunks, { maxEventBytes: 11 }).reports).toHaveLength(1);
      expect(record(chunks, { maxEventBytes: 10 }).reports).toEqual([tooLarge]);
    }
  });

  test.each([8, 5_000])('many lines are counted exactly, in chunks of %i lines', (lines) => {
    // 20,000 lines of 2 characters of data; the last one is also counted as a line, with its name
    const chunk = 'data: é\n'.repeat(lines);
    const chunks = [...Array.from({ length: 20_000 / lines }, () => chunk), '\n'];
    const needed = 19_999 * 2 + 7;
    expect(record(chunks, { maxEventBytes: needed }).reports).toMatchObject([{ event: {} }]);
    expect(record(chunks, { maxEventBytes: needed - 1 }).reports).toEqual([tooLarge]);
  });

  test('the error says the limit and its option, and comes again until the end', () => {
    const { decoder, events } = collecting({ maxEventBytes: 100 });
    let first: unknown;
    try {
      decoder.write(`data: a\n\n${'x'.repeat(101)}`);
    } catch (error) {
      first = error;
    }
    expect(first).toBeInstanceOf(EventStreamError);
    expect(first).toMatchObject({ name: 'EventStreamError', code: 'ERR_EVENT_TOO_LARGE' });
    expect(String(first)).toMatch(/100 bytes.*maxEventBytes/);
    expect(data(events)).toEqual(['a']);
    let second: unknown;
    try {
      decoder.write('\n\ndata: b\n\n');
    } catch (error) {
      second = error;
    }
    expect(second).toBe(first);
    expect(data(events)).toEqual(['a']);
    decoder.end();
    decoder.write('data: c\n\n');
    expect(data(events)).toEqual(['a', 'c']);
  });

  test('the default lets an event of 16 MiB through and no larger one', () => {
    const line = utf8(`data:${'x'.repeat(DEFAULT_MAX_EVENT_BYTES - 5)}`);
    const chunks = (bytes: Uint8Array): Uint8Array[] =>
      Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) => bytes.subarray(i * 65_536, (i + 1) * 65_536));
    expect(DEFAULT_MAX_EVENT_BYTES).toBe(16 * 1024 * 1024);
    const { reports } = record([...chunks(line), '\n\n']);
    expect(reports).toHaveLength(1);
    expect(record([...chunks(line), 'x']).reports).toEqual([tooLarge]);
  });

  test('an event of many lines that is near the limit is read whole', () => {
    const { decoder, events } = collecting({ maxEventBytes: 800_010 });
    for (let i = 0; i < 400_000; i++) decoder.write('data: é\n');
    decoder.write('\n');
    expect(events[0]?.data).toHaveLength(799_999);
  });
});
