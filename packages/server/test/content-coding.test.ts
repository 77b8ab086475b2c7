import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { chooseCoding, codedHeaders } from '../src/content-coding.ts';

describe('the coding of a stream', () => {
  test.each([
    ['gzip', 'gzip'],
    ['gzip, deflate, br, zstd', 'gzip'],
    ['gzip, deflate', 'gzip'],
    ['GZip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['br;q=1.0, gzip;q=0.8, *;q=0.1', 'gzip'],
    ['gzip ; q=0.5', 'gzip'],
    ['gzip;q=0.001', 'gzip'],
    ['zstd, gzip;q=0.5', 'gzip'],
    ['gzip;q=1.000', 'gzip'],
    ['identity;q=0, gzip;q=0.5', 'gzip'],
    ['gzip;q=0, zstd', undefined],
    ['zstd', undefined],
    ['*', 'gzip'],
    ['gzip;q=0, *', undefined],
    ['*;q=0, gzip', 'gzip'],
    ['identity;q=0.5, gzip', 'gzip'],
    ['identity, gzip', 'gzip'],
    [',, ,gzip,', 'gzip'],
    ['', undefined],
    ['identity', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['*;q=0', undefined],
    ['gzip;q=0', undefined],
    ['gzip;q=0.000', undefined],
    ['gzip;q=2', undefined],
    ['gzip;q=-1', undefined],
    ['gzip;q=0.0001', undefined],
    ['gzip;level=9', undefined],
    ['gzip zstd', undefined],
    ['br, deflate', undefined],
    ['br;q=0.5, identity;q=0', undefined],
    [undefined, undefined],
  ])('for Accept-Encoding %j is %s', (field, name) => {
    expect(chooseCoding(field)?.name).toBe(name);
  });

  test('is read in a field of any length in time that grows with it', () => {
    const start = performance.now();
    chooseCoding(`${' '.repeat(50_000)}x${'\t'.repeat(50_000)}${',gzip;q='.repeat(20_000)}`);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test('is in the head, with what caches must look at', () => {
    expect(codedHeaders(chooseCoding('gzip'))).toEqual({ Vary: 'Accept-Encoding', 'Content-Encoding': 'gzip' });
    expect(codedHeaders(undefined)).toEqual({ Vary: 'Accept-Encoding' });
  });
});

test('a runtime without zlib sends plain bytes', () => {
  const program = `
    import { Channel } from '@tidings/server';
    const ask = () => new Channel({ compression: true }).respond(
      new Request('http://localhost/', { headers: { 'accept-encoding': 'gzip' } }),
    );
    const { headers } = await ask();
    console.log(headers.get('content-encoding'), headers.get('vary'));
  `;
  const run = (before: string): string =>
    execFileSync(
      process.execPath,
      ['--import', `data:text/javascript,${before}`, '--input-type=module', '--eval', program],
      {
        cwd: import.meta.dirname,
        encoding: 'utf8',
      },
    );
  expect(run('')).toBe('gzip Accept-Encoding\n');
  expect(run('process.getBuiltinModule = undefined')).toBe('null Accept-Encoding\n');
});
