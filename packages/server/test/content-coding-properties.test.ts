import fc from 'fast-check';
import assert from 'node:assert/strict';
import { SharedChunk } from '@tidings/server/live';
import { describe, test } from 'vitest';
import { CodedSink, codedStream } from '../src/coding/coded-sink.ts';
import { CohortCoder } from '../src/coding/cohort-coder.ts';
import { append, NOTHING, type PlainTotal } from '../src/coding/plain-total.ts';
import { CODINGS, type DecodedCoding } from './codings.ts';
import { FakeSink } from './model/fake-sink.ts';

const decoder = new TextDecoder();

/** A listener of a cohort, with the plain text that it must have. */
class Listener {
  readonly #transport = new FakeSink(Infinity);
  readonly #coding: DecodedCoding;
  readonly sink: CodedSink;
  #plain = '';
  member = false;

  constructor(coding: DecodedCoding) {
    this.#coding = coding;
    this.sink = new CodedSink(this.#transport, coding.coding);
  }

  write(chunk: SharedChunk): void {
    this.sink.write(chunk);
    this.#plain += decoder.decode(chunk.bytes) + decoder.decode(this.#coding.coding.trail);
    assert.equal(this.#coding.open(this.#coded), this.#plain);
  }

  end(): void {
    this.sink.end();
    assert.equal(this.#transport.state, 'ending');
    assert.equal(this.#coding.whole(this.#coded), this.#plain);
  }

  get #coded(): Uint8Array {
    return Buffer.concat(this.#transport.chunks.map(({ bytes }) => bytes));
  }
}

const LISTENERS = 4;
const who = fc.nat({ max: LISTENERS - 1 });
const event = fc.oneof(
  { weight: 5, arbitrary: fc.nat({ max: 9999 }).map((n) => `id: e.${n}\ndata: {"sensor":"boiler","value":${n}}\n\n`) },
  { weight: 1, arbitrary: fc.constant(':\n\n') },
  { weight: 1, arbitrary: fc.nat({ max: 9 }).map((n) => `data: ${`${n}0123456789`.repeat(300)}\n\n`) },
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 9000 }).map((n) => `data: ${'z'.repeat(n)}\n\n`) },
  // What repeats at a distance of few bytes, from the first byte on.
  {
    weight: 2,
    arbitrary: fc
      .array(fc.constantFrom('\n', ':\n\n', ':12345\n', ':1234567\n'), { maxLength: 40 })
      .map((lines) => `${lines.join('')}\n`),
  },
  // Several blocks.
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 60_000, max: 200_000 })
      .map((n) => Array.from({ length: n / 50 }, (_, line) => `data: ${(line * n) % 9973} of ${n}\n`).join('') + '\n'),
  },
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('tick' as const), text: event }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('join', 'join', 'leave', 'end'), who }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('alone' as const), who, text: event }) },
  // A tick in which one listener is sent something of its own as well.
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom('tick after', 'tick before'), who, text: event, own: event }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function run(coding: DecodedCoding, script: readonly Step[]): void {
  const cohort = new CohortCoder(coding.coding);
  const listeners = Array.from({ length: LISTENERS }, () => new Listener(coding));
  const tick = (text: string, around: (listener: Listener, write: () => void) => void): void => {
    const chunk = SharedChunk.fromText(text);
    cohort.begin(chunk);
    for (const listener of listeners) if (listener.member) around(listener, () => listener.write(chunk));
    cohort.end();
  };
  for (const next of script) {
    if (next.type === 'tick') tick(next.text, (_listener, write) => write());
    else if ('own' in next) {
      tick(next.text, (listener, write) => {
        const own = (): void => listener.write(SharedChunk.fromText(next.own));
        if (listener === listeners[next.who] && next.type === 'tick before') own();
        write();
        if (listener === listeners[next.who] && next.type === 'tick after') own();
      });
    } else {
      const listener = listeners[next.who]!;
      if ('text' in next) listener.write(SharedChunk.fromText(next.text));
      else if (next.type === 'join' && !listener.member) listener.sink.join(cohort);
      if (next.type === 'join' || next.type === 'leave') listener.member = next.type === 'join';
      if (next.type === 'end') {
        listener.end();
        listeners[next.who] = new Listener(coding);
      }
    }
  }
  for (const listener of listeners) listener.end();
}

describe.each(CODINGS)('in $name', (coding) => {
  test('every listener of a cohort decodes what it was sent, whoever joins, leaves or is sent something alone', () => {
    const property = fc.property(fc.array(step, { minLength: 5, maxLength: 80 }), (script) => run(coding, script));
    fc.assert(property, { numRuns: Number(process.env.RUNS ?? 300) });
  });

  test('a response of its own decodes after each write', () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 60 }), (texts) => {
        const transport = new FakeSink(Infinity);
        const sink = codedStream(transport, coding.coding);
        const coded = (): Uint8Array => Buffer.concat(transport.chunks.map(({ bytes }) => bytes));
        let plain = '';
        for (const text of texts) {
          sink.write(SharedChunk.fromText(text));
          plain += text + decoder.decode(coding.coding.trail);
          assert.equal(coding.open(coded()), plain);
        }
        sink.end();
        assert.equal(coding.whole(coded()), plain);
      }),
      { numRuns: 50 },
    );
  });
});

test('totals of parts are the total of the whole, of any length', () => {
  const { checksum } = CODINGS[0]!.coding;
  const total = (...parts: Uint8Array[]): PlainTotal =>
    parts.reduce<PlainTotal>(
      ({ crc, length }, part) => ({ crc: checksum(part, crc), length: length + part.length }),
      NOTHING,
    );
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(bytes, bytes, bytes, (own, before, shared) => {
      assert.deepEqual(append(total(own), total(before), total(before, shared)), total(own, shared));
    }),
  );
  // Zeros can be summed without having them: 2^33 + 5 of them, at once and in parts.
  const zeros = (before: PlainTotal, length: number): PlainTotal => append(before, NOTHING, { crc: 0, length });
  let parts: PlainTotal = { crc: 1, length: 0 };
  for (let part = 0; part < 64; part += 1) parts = zeros(parts, 2 ** 27);
  assert.deepEqual(zeros(parts, 5), zeros({ crc: 1, length: 0 }, 2 ** 33 + 5));
});
