import { compilePattern, compilePatterns, isTemplate, URI_TEMPLATE } from '@tidings/server/log';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const matches = (pattern: string, topic: string): boolean => compilePattern({ pattern, base: URI_TEMPLATE })(topic);

describe('a URI template', () => {
  test.each<[meaning: string, template: string, matching: readonly string[], others: readonly string[]]>([
    ['without an expression is text', '/books/1', ['/books/1'], ['/books/12', '/books']],
    [
      'has simple values, which keep to a segment',
      'https://example.com/books/{id}',
      ['https://example.com/books/1', 'https://example.com/books/', 'https://example.com/books/a%2Fb'],
      ['https://example.com/books/1/2', 'https://example.com/books/1?a', 'https://example.org/books/1', '/books/1'],
    ],
    ['has lists of values', '/{a,b}', ['/1,2', '/1', '/1,2,3'], ['/1;2', '/1/2']],
    ['has text behind a value', '/{a}/x{b}', ['/1/x2', '//x'], ['/1/y2', '/1/2/x']],
    ['has no value that is half percent-encoded', '/{a}', ['/%41'], ['/%4', '/%zz', '/%']],
    ['has reserved values', '/{+path}/end', ['/a/b/end', '/a?b#c/end'], ['/a/b', '/a b/end']],
    ['has fragments, which may be missing', '/a{#part}', ['/a', '/a#', '/a#b/c'], ['/ab', '/a?b']],
    ['has labels', 'a{.x,y}', ['a', 'a.b', 'a.b.c'], ['ab', 'a/b']],
    ['has segments, which may be missing', '/s{/topic}{/subscriber}', ['/s', '/s/a', '/s/a/b'], ['/s/a/b/c', '/sa']],
    ['has any number of segments where a list explodes', '/s{/path*}', ['/s', '/s/a', '/s/a/b/c'], ['s', '/s?a']],
    ['has parameters of a path', '/a{;x,y}', ['/a', '/a;x', '/a;x=1;y=2', '/a;y=2'], ['/a;z=1', '/a;y=2;x=1', '/a;x1']],
    [
      'has a query',
      '/a{?x,y}',
      ['/a', '/a?x=1', '/a?x=&y=2', '/a?y=2'],
      ['/a?', '/a&x=1', '/a?z=1', '/a?x', '/a?x=1?y=2'],
    ],
    ['has a query whose names are open where it explodes', '/a{?x*}', ['/a', '/a?b=1&c=2'], ['/a&b=1', '/ab']],
    ['has more of a query', '/a?f=1{&x}', ['/a?f=1', '/a?f=1&x=2'], ['/a?f=1?x=2', '/a?f=1&y=2']],
    [
      'has values of at most so many characters',
      '/{a:2}',
      ['/', '/1', '/12', '/%C3%A9x', '/%41%42'],
      ['/123', '/%41%42%43'],
    ],
    ['is compared as it is, without regard to URLs', 'HTTP://A/{x}', ['HTTP://A/1'], ['http://a/1']],
    ['has text beyond ASCII, percent-encoded or not', 'é/{x}', ['é/1', '%C3%A9/1', 'é/é'], ['e/1']],
    ['may have a name of any characters that names have', '{a.b_c%20d}', ['x', ''], ['/']],
    ['has the same names twice', '{a}-{a}', ['1-2', '-'], ['1']],
  ])('%s', (_meaning, template, matching, others) => {
    expect(matching.filter((topic) => !matches(template, topic))).toEqual([]);
    expect(others.filter((topic) => matches(template, topic))).toEqual([]);
  });

  test.each([
    '{',
    '}',
    '{}',
    '{a',
    'a}',
    '{{a}}',
    '{a b}',
    '{=a}',
    '{|a}',
    '{a:0}',
    '{a:12345}',
    '{a,}',
    '%zz{a}',
    'a b{c}',
    '{a**}',
  ])('is none if it is %j', (text) => {
    expect(isTemplate(text)).toBe(false);
    expect(() => matches(text, 'a')).toThrow(/is no URI template/);
  });

  test('with an expression is told from a text', () => {
    expect(['/a', '/a/{b}', '{+a}'].map(isTemplate)).toEqual([false, true, true]);
  });

  test('of very many states is refused', () => {
    expect(() => matches('{a:9999}', 'a')).toThrow(/has more than 4096 states/);
    expect(() => compilePatterns([{ pattern: `${'{a:100}'.repeat(4)}x{b}`, base: URI_TEMPLATE }])).toThrow(
      /may take \d+ steps/,
    );
  });

  test('takes a number of steps that grows with the topic times the template, whatever they are', () => {
    const template = `${'{a}'.repeat(100)}/`;
    const topic = `${'a'.repeat(1000)}b`;
    // A matcher that goes back would not come to an end.
    expect(matches(template, topic)).toBe(false);
    expect(matches(template, `${topic}/`)).toBe(true);
  });

  /** What a text is expanded to: everything is encoded but what is unreserved. */
  const expanded = (text: string): string =>
    encodeURIComponent(text).replaceAll(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`);

  const UNRESERVED = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '9', '-', '.', '_', '~'), maxLength: 5 });

  test('matches what it is expanded to', () => {
    fc.assert(
      fc.property(UNRESERVED, UNRESERVED, fc.string({ maxLength: 4 }), (a, b, text) => {
        const value = expanded(text);
        expect(matches('/{a}/x{/b}{?c,d}{&e}', `/${a}/x/${b}?c=${value}&e=${a}`)).toBe(true);
        expect(matches('/{a,b}{.c}{;d}', `/${a},${b}.${value}${value === '' ? ';d' : `;d=${value}`}`)).toBe(true);
      }),
    );
  });
});
