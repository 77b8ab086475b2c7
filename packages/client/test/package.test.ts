import { readFileSync } from 'node:fs';
import * as client from '@tidings/client';
import * as aiSdk from '@tidings/client/ai-sdk';
import * as fileOutbox from '@tidings/client/file-outbox';
import * as openai from '@tidings/client/openai';
import * as publisher from '@tidings/client/publisher';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { CLIENT_ERROR_CODES } from '../dist/errors.js';

test('the package exports exactly these names', () => {
  expect(Object.keys(client).toSorted()).toMatchInlineSnapshot(`
    [
      "ClientError",
      "ConnectionError",
      "EventSource",
      "InvalidEventError",
      "InvalidOptionError",
      "StoreError",
      "isGap",
      "isInvalid",
      "localStorageStore",
      "subscribe",
    ]
  `);
});

test('the entries for publishing export exactly these names', () => {
  expect(Object.keys(publisher).toSorted()).toEqual(['LeaseError', 'PublishError', 'Publisher', 'indexedDbOutbox']);
  expect(Object.keys(fileOutbox)).toEqual(['fileOutbox']);
});

test('the entries for answers of models export exactly these names', () => {
  expect([Object.keys(aiSdk), Object.keys(openai)]).toEqual([['resumingChatTransport'], ['responseEvents']]);
});

test('every error code is documented', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(CLIENT_ERROR_CODES.filter((code) => !readme.includes(`\`${code}\``))).toEqual([]);
});

test.each([
  ['everything', '*', 48],
  ['EventSource', '{ EventSource }', 24],
])('a bundle of %s for browsers holds nothing of Node and stays small', async (_, names, kibibytes) => {
  const { outputFiles } = await build({
    stdin: { contents: `export ${names} from '@tidings/client'`, resolveDir: import.meta.dirname },
    bundle: true,
    format: 'esm',
    minify: true,
    platform: 'browser',
    write: false,
  });
  const { text } = outputFiles[0]!;
  expect(text).not.toContain('node:');
  expect(text.length).toBeLessThan(kibibytes * 1024);
});
