import fc from 'fast-check';
import type { LogEntry } from '@tidings/server/log';
import { expect, test } from 'vitest';
import { SEED } from '../../../test/seed.ts';
import { decodeEntries, encodeEntries } from '../dist/log/remote/entries.js';
import { encodeMessage, MessageReader, type UserMessage } from '../dist/log/remote/message.js';

/** All that an entry is, whether its members are its own or computed. */
function whole({
  seq,
  id,
  topics,
  time,
  private: isPrivate,
  latestKey,
  forgets,
  frame,
  final,
  deletes,
}: LogEntry): unknown {
  const flags = { private: isPrivate, forgets: forgets === true, final: final === true, deletes: deletes === true };
  return { seq, id, topics, time, latestKey, frame: Buffer.from(frame).toString('hex'), ...flags };
}

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const topics = fc.oneof(fc.constant(['a']), fc.constant(['a', 'b']), fc.array(text, { minLength: 1, maxLength: 4 }));
const entry: fc.Arbitrary<LogEntry> = fc
  .record({
    seq: fc.nat(Number.MAX_SAFE_INTEGER),
    topics,
    time: fc.oneof(fc.nat(), fc.constant(Infinity)),
    private: fc.boolean(),
    id: text.filter((id) => !id.includes('\n')),
    latestKey: fc.option(text, { nil: undefined }),
    flags: fc.record({ final: fc.boolean(), forgets: fc.boolean(), deletes: fc.boolean() }),
    // One that begins with its id, as those of the logs here, or another one.
    frame: fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 50 })),
  })
  .map(({ id, flags, frame: [hasId, bytes], latestKey, ...rest }) => {
    const begun = hasId
      ? Buffer.concat([Buffer.from(`id: ${id}\n`), bytes])
      : Buffer.concat([Buffer.from('data:'), bytes]);
    return { ...rest, id, ...flags, ...(latestKey === undefined ? {} : { latestKey }), frame: begun };
  });

test('entries come out of a message as they went in', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
      const bytes = Buffer.concat(encodeEntries(entries));
      expect(decodeEntries(bytes).map(whole)).toEqual(entries.map(whole));
    }),
    { seed: SEED },
  );
});

test('an entry with very many long topics fits', () => {
  const names = Array.from({ length: 300 }, (_, index) => `${index}`.padStart(340, 'ж'));
  const large: LogEntry = { seq: 1, id: 'e.1', topics: names, time: 0, private: false, frame: new Uint8Array() };
  const [decoded] = decodeEntries(Buffer.concat(encodeEntries([large, large])));
  expect(decoded && whole(decoded)).toEqual(whole(large));
});

test('messages come out whole and in order, however they are cut on their way', () => {
  const message = fc.record({ is: fc.constant('leave' as const), id: fc.nat() });
  const parts = fc.array(fc.tuple(message, fc.uint8Array({ maxLength: 40 })), { maxLength: 10 });
  fc.assert(
    fc.property(parts, fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 40 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(([head, rest]) => encodeMessage(head, [rest])));
      const got: unknown[] = [];
      const reader = new MessageReader<UserMessage>(({ message: head, rest }) =>
        got.push([head, new Uint8Array(rest)]),
      );
      let at = 0;
      for (const cut of cuts) {
        reader.write(bytes.subarray(at, at + cut));
        at += cut;
      }
      reader.write(bytes.subarray(at));
      expect(got).toEqual(sent);
    }),
    { seed: SEED },
  );
});
