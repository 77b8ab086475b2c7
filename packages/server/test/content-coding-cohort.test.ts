import { SharedChunk } from '@tidings/server/live';
import { describe, expect, test } from 'vitest';
import { CodedSink } from '../src/coding/coded-sink.ts';
import { CohortCoder } from '../src/coding/cohort-coder.ts';
import type { ContentCoding } from '../src/coding/content-coding.ts';
import { CODINGS, withoutBlankLines } from './codings.ts';
import { FakeSink } from './model/fake-sink.ts';

/** A cohort in which the work that is done can be counted. */
class Cohort {
  calls = 0;
  #next = 0;
  readonly members: CodedSink[] = [];
  readonly #coding: ContentCoding;
  readonly #coder: CohortCoder;

  constructor(coding: ContentCoding) {
    this.#coding = {
      ...coding,
      code: (bytes, history) => {
        this.calls += 1;
        return coding.code(bytes, history);
      },
    };
    this.#coder = new CohortCoder(this.#coding);
  }

  join(): FakeSink {
    const transport = new FakeSink(Infinity);
    const sink = new CodedSink(transport, this.#coding);
    this.members.push(sink);
    sink.join(this.#coder);
    return transport;
  }

  tick(count = 1): void {
    for (let n = 0; n < count; n += 1) {
      this.#next += 1;
      const reading = { sensor: `boiler-${this.#next % 7}`, celsius: 60 + ((this.#next * 37) % 200) / 10, valid: true };
      this.#send(`id: epoch.${this.#next}\nevent: reading\ndata: ${JSON.stringify(reading)}\n\n`);
    }
  }

  keepAlive(): void {
    this.#send(':\n\n');
  }

  #send(text: string): void {
    const chunk = SharedChunk.fromText(text);
    this.#coder.begin(chunk);
    for (const member of this.members) member.write(chunk);
    this.#coder.end();
  }
}

const last = (sink: FakeSink): Uint8Array => sink.chunks.at(-1)!.bytes;
const size = (sink: FakeSink): number => sink.chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
const bytesOf = (sink: FakeSink): Uint8Array => Buffer.concat(sink.chunks.map(({ bytes }) => bytes));

/** How much smaller small events of JSON become, and how many bytes the next one takes at most. */
const SAVINGS = { gzip: { times: 3, next: 40 }, zstd: { times: 2, next: 60 } };

describe.each(CODINGS)('a cohort of $name', ({ name, coding, whole }) => {
  const { times, next } = SAVINGS[name];

  test('codes a tick once, and each of its members is written the same bytes', () => {
    const cohort = new Cohort(coding);
    const sinks = Array.from({ length: 50 }, () => cohort.join());
    cohort.tick(2);
    expect(cohort.calls).toBe(2);
    expect(new Set(sinks.map((sink) => sink.chunks.at(-1))).size).toBe(1);
  });

  test(`makes small events of JSON ${times} times smaller`, () => {
    const cohort = new Cohort(coding);
    const sink = cohort.join();
    cohort.tick(100);
    for (const member of cohort.members) member.end();
    expect(size(sink)).toBeLessThan(withoutBlankLines(whole(bytesOf(sink))).length / times);
  });

  test('that someone joins sends its other members what it would have sent them', () => {
    const [quiet, joined] = [new Cohort(coding), new Cohort(coding)];
    const [before, after] = [quiet.join(), joined.join()];
    for (let n = 0; n < 60; n += 1) {
      quiet.tick();
      joined.tick();
      if (n === 20 || n === 40) joined.join();
      expect(last(after)).toEqual(last(before));
    }
  });

  test('has one history again when all have enough of it', () => {
    const cohort = new Cohort(coding);
    cohort.join();
    cohort.tick(100);
    const late = cohort.join();
    cohort.tick();
    cohort.calls = 0;
    cohort.tick();
    expect(cohort.calls).toBe(2);
    cohort.tick(100);
    cohort.calls = 0;
    cohort.tick();
    expect(cohort.calls).toBe(1);
    expect(last(late).length).toBeLessThan(next);
  });

  test('into which someone comes before each tick codes it at most four times, and its oldest members lose nothing', () => {
    const [quiet, busy] = [new Cohort(coding), new Cohort(coding)];
    const [before, after] = [quiet.join(), busy.join()];
    quiet.tick(100);
    busy.tick(100);
    for (let n = 0; n < 200; n += 1) {
      busy.join();
      busy.calls = 0;
      quiet.tick();
      busy.tick();
      expect(busy.calls).toBeLessThanOrEqual(4);
    }
    expect(size(after)).toBeLessThan(size(before) * 1.1);
  });

  test('whose members have all left is forgotten by those who come', () => {
    const cohort = new Cohort(coding);
    cohort.join();
    cohort.tick(10);
    cohort.members.pop()!.end();
    const sink = cohort.join();
    cohort.calls = 0;
    cohort.tick();
    cohort.keepAlive();
    expect(cohort.calls).toBe(2);
    for (const member of cohort.members) member.end();
    expect(withoutBlankLines(whole(bytesOf(sink)))).toMatch(/^id: epoch\.11\n[^]*\n\n:\n\n$/);
  });
});
