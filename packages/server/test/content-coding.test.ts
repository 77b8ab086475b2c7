import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { chooseCoding, codedHeaders } from '../src/coding/negotiation.ts';

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
    ['zstd, gzip;q=0.5', 'zstd'],
    ['zstd;q=0.5, gzip;q=0.4, identity;q=0.3', 'zstd'],
    ['gzip;q=0.5, *', 'zstd'],
    ['Zstd;q=0.001', 'zstd'],
    ['identity, zstd;q=0.5', undefined],
    ['zstd;q=0', undefined],
    ['zstd;q=0, *', 'gzip'],
    ['gzip;q=1.000', 'gzip'],
    ['identity;q=0, gzip;q=0.5', 'gzip'],
    ['gzip;q=0, zstd', 'zstd'],
    ['zstd', 'zstd'],
    ['*', 'gzip'],
    ['gzip;q=0, *', 'zstd'],
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

  test('is read in a field of any length, in time that grows with it', () => {
    // In time that grows with the square of the length, this would take hours.
    const field = `${' '.repeat(500_000)}x${'\t'.repeat(500_000)}${',gzip;q='.repeat(200_000)},zstd`;
    expect(chooseCoding(field)?.name).toBe(chooseCoding('zstd')?.name);
  });

  test('is in the head, with what caches must look at', () => {
    expect(codedHeaders(chooseCoding('gzip'))).toEqual({ Vary: 'Accept-Encoding', 'Content-Encoding': 'gzip' });
    expect(codedHeaders(undefined)).toEqual({ Vary: 'Accept-Encoding' });
  });
});

describe('a runtime', () => {
  const PROGRAM = `
    import { Channel } from '@tidings/server';
    const ask = (coding) => new Channel({ compression: true }).respond(
      new Request('http://localhost/', { headers: { 'accept-encoding': coding } }),
    );
    for (const coding of ['gzip', 'zstd', 'zstd, gzip;q=0.5']) {
      const { headers } = await ask(coding);
      console.log(headers.get('content-encoding'), headers.get('vary'));
    }
  `;
  const zlibWith = (change: string): string => `
    const get = process.getBuiltinModule;
    const { ...zlib } = get('node:zlib');
    const { zstdCompressSync: zstd } = zlib;
    ${change};
    process.getBuiltinModule = (name) => (name === 'node:zlib' ? zlib : get(name));
  `;

  test.each([
    ['with all of it', '', ['gzip', 'zstd', 'zstd']],
    ['without zlib sends plain bytes', 'process.getBuiltinModule = undefined', ['null', 'null', 'null']],
    ['without zstd sends gzip alone', zlibWith('delete zlib.zstdCompressSync'), ['gzip', 'null', 'gzip']],
    [
      'whose zstd cuts its frames short sends gzip alone',
      zlibWith('zlib.zstdCompressSync = (...all) => zstd(...all).subarray(0, -1)'),
      ['gzip', 'null', 'gzip'],
    ],
    [
      'whose zstd compresses something else sends gzip alone',
      zlibWith('zlib.zstdCompressSync = (_, o) => zstd(Buffer.alloc(99), o)'),
      ['gzip', 'null', 'gzip'],
    ],
  ])('%s', (_name, before, codings) => {
    const output = execFileSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(before)}`, '--input-type=module', '--eval', PROGRAM],
      { cwd: import.meta.dirname, encoding: 'utf8' },
    );
    expect(output).toBe(codings.map((coding) => `${coding} Accept-Encoding\n`).join(''));
  });
});
