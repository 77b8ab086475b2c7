import { expect, test } from 'vitest';
import { workOf } from './work.ts';
import { collecting, utf8 } from './recording.ts';

// Each was quadratic in some decoder: a hundred thousand times its bytes and more. A line that ends in CR searches for an LF to the end of
// its window, which is at most 750 characters long.
test.each([
  { what: 'one line in tiny chunks', chunks: () => Array.from({ length: 500_000 }, () => 'xxxx'), times: 20 },
  { what: 'lines of CR alone', chunks: () => ['x\r'.repeat(1_000_000)], times: 400 },
  { what: 'CRs far ahead of one LF', chunks: () => [`${'data: x\r\r'.repeat(200_000)}\n`], times: 100 },
  { what: 'an LF each and a CR at the end', chunks: () => [`${'data: x\n\n'.repeat(200_000)}\r`], times: 20 },
  { what: 'lines without a colon', chunks: () => ['data\n'.repeat(400_000), '\n'], times: 20 },
  { what: 'long lines in one chunk', chunks: () => [`data: ${'x'.repeat(2_000)}\n\n`.repeat(5_000)], times: 20 },
  { what: 'data lines without end', chunks: () => Array.from({ length: 200_000 }, () => 'data: x\n'), times: 20 },
  { what: 'wide data lines without end', chunks: () => Array.from({ length: 200_000 }, () => 'data: é\n'), times: 20 },
  { what: 'ids without data', chunks: () => ['id: 1\n\n'.repeat(200_000)], times: 20 },
])('$what: the decoder goes through at most $times times the bytes of the stream', ({ chunks, times }) => {
  const stream = chunks().map(utf8);
  const bytes = stream.reduce((sum, chunk) => sum + chunk.length, 0);
  const { decoder } = collecting();
  const work = workOf(() => {
    for (const chunk of stream) decoder.write(chunk);
  });
  // Each byte is decoded once, so less would mean that something is not counted.
  expect(work).toBeGreaterThan(bytes);
  expect(work).toBeLessThan(times * bytes);
});
