import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const page = readFileSync(new URL('../dist/page.html', import.meta.url), 'utf8');

/** Bytes of the page, as it is and as it is sent. Preact, signals and the client are most of it. */
const MAX_BYTES = 112_600;
const MAX_GZIP_BYTES = 40_600;

test('the page stays within its size budget', () => {
  expect(Buffer.byteLength(page)).toBeLessThan(MAX_BYTES);
  expect(gzipSync(page).length).toBeLessThan(MAX_GZIP_BYTES);
});

test('the page names no other place to load anything from', () => {
  const urls =
    page
      .replaceAll('%2F', '/')
      .replaceAll('%3A', ':')
      .match(/https?:\/\/[\w.:/-]+/g) ?? [];
  // The names of the namespaces that an element may be in are URLs that nobody fetches.
  expect(urls.filter((url) => !url.startsWith('http://www.w3.org/'))).toEqual([]);
  expect(page).not.toMatch(/<(?:script|img|iframe)[^>]+src=|<link[^>]+href="(?!data:)|@import|url\((?!data:)/);
});

test('the page allows itself its own script and style and requests to its own hub only', () => {
  const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1];
  const hash = (element: string): string => {
    const text = new RegExp(`<${element}[^>]*>([^]*?)</${element}>`).exec(page)?.[1] ?? '';
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  };
  expect(policy?.split('; ')).toEqual([
    "default-src 'none'",
    `script-src ${hash('script')}`,
    `style-src ${hash('style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ]);
});
