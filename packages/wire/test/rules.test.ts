import { expect, test } from 'vitest';
import { chunkings, record, utf8 } from './recording.ts';
import { cases } from './rules.ts';

test.each(cases)('rule $rule: $name, however it is cut', ({ input, reports, lastEventId, startsWith }) => {
  const bytes = typeof input === 'string' ? utf8(input) : input;
  const ids = reports.flatMap((report) => ('id' in report ? [report.id] : []));
  const expected = { reports, lastEventId: lastEventId ?? ids.at(-1) ?? startsWith ?? '' };
  for (const chunks of chunkings(bytes)) {
    expect(record(chunks, { lastEventId: startsWith }), `cut into ${chunks.map((chunk) => chunk.length)}`).toEqual(
      expected,
    );
  }
});

test('the table has a case for every rule of the format', () => {
  const rules = new Set(cases.map(({ rule }) => rule));
  expect([...rules]).toEqual(Array.from({ length: 28 }, (_, index) => index + 1));
});
