import fc from 'fast-check';
import type { URLPattern as Polyfill } from 'urlpattern-polyfill';
import { describe, expect, test } from 'vitest';
import { CompiledPattern, compilePattern, compilePatterns } from '../src/log/pattern.ts';
import { randomNumbers } from '../../../test/seed.ts';
import { ANY_SAMPLE, DENSE_SAMPLE, isBearable, PLAIN_SAMPLE, type Sample } from './pattern-samples.ts';

const BASE = 'http://127.0.0.1:4000/topics/';
const RUNS = Number(process.env['TIDINGS_RUNS'] ?? 3000);

const matches = (pattern: string, topic: string, base = BASE): boolean => compilePattern({ pattern, base })(topic);

describe('a pattern', () => {
  test.each<[meaning: string, pattern: string, matching: readonly string[], others: readonly string[]]>([
    [
      'is text, compared exactly',
      'sensors/kitchen',
      ['sensors/kitchen', '/topics/sensors/kitchen'],
      ['sensors', 'x', 'Sensors/kitchen'],
    ],
    [
      'has names for one segment',
      'sensors/:room',
      ['sensors/a', 'sensors/a.b', 'sensors/ä'],
      ['sensors/', 'sensors/a/b', 'sensors'],
    ],
    ['has wildcards for anything', 'sensors/*', ['sensors/a', 'sensors/', 'sensors/a/b'], ['sensors', 'sensor/a']],
    ['has a name that may be missing, its slash too', 'a/:b?', ['a', 'a/b'], ['a/', 'a/b/c']],
    ['has names for one segment or more', 'a/:b+', ['a/b', 'a/b/c'], ['a', 'a/', 'a//c']],
    ['has names for any number of segments', 'a/:b*', ['a', 'a/b', 'a/b/c'], ['a/', 'b']],
    ['has groups that may be missing', 'a{/b}?', ['a', 'a/b'], ['a/', 'a/b/b']],
    ['has groups that are repeated', 'a{/b}+', ['a/b', 'a/b/b'], ['a', 'a/bb']],
    ['has groups around a name', 'a{-:b-}*c', ['ac', 'a-x-c', 'a-x--y-c'], ['a-c', 'a--c', 'a-/-c']],
    ['has groups around a wildcard that may be missing', '{*-}?b', ['b', 'a-b', 'a-b-b', '-b'], ['ab', 'a-']],
    ['has groups without a modifier, which are text', 'a{b}c', ['abc'], ['ac']],
    ['has escaped characters', 'a\\*\\{b\\}\\(c\\)', ['a*{b}(c)'], ['ab', 'a\\*{b}(c)']],
    ['is encoded as URLs are', 'a b/ä', ['a b/ä', 'a%20b/%C3%A4'], ['a+b/ä', 'ä']],
    ['has no "." and ".." in its path', '../topics/./a', ['a', './a', 'b/../a'], ['topics/a']],
    ['matches any search and hash where it has none', 'a', ['a', 'a?b', 'a#c', 'a?b#c'], ['b?a']],
    ['has a search behind an escaped question mark', 'a/:b\\?c=*', ['a/b?c=', 'a/b?c=1'], ['a/b', 'a/b?d']],
    ['has a search behind a question mark that is no modifier', 'a?b', ['a?b', 'a?b#c'], ['a', 'a?bc', '']],
    ['has a hash', 'a#:b', ['a#c', 'a#c/d'], ['a', 'a#', 'a?b#c']],
    ['is a search of the base', '?a', ['?a', '/topics/?a'], ['a', '/topics/']],
    ['is the base’s folder where it is empty', '', ['', './', '/topics/?x'], ['a', '/topics']],
    [
      'begins at the host behind a slash',
      '/a/:b',
      ['/a/b', 'http://127.0.0.1:4000/a/b'],
      ['a/b', 'http://localhost/a/b'],
    ],
    [
      'has a host',
      'https://example.com/books/:id',
      ['https://example.com/books/1'],
      ['http://example.com/books/1', 'books/1', 'https://example.com:8443/books/1'],
    ],
    [
      'has a host without its default port',
      'https://example.com:443/',
      ['https://EXAMPLE.com', 'https://example.com:443/'],
      ['https://example.com:444/'],
    ],
    [
      'has labels of a host',
      'https://*.example.com/x/*',
      ['https://a.example.com/x/', 'https://a.b.example.com/x/y'],
      ['https://example.com/x/y'],
    ],
    [
      'has a name for one label of a host',
      'https://:host.example/a',
      ['https://b.example/a'],
      ['https://b.c.example/a'],
    ],
    [
      'has a name for a whole host',
      'https://:host/a',
      ['https://localhost/a'],
      ['https://b.example/a', 'https://b.example/b'],
    ],
    [
      'has an international host',
      'https://bücher.example/*',
      ['https://bücher.example/a', 'https://xn--bcher-kva.example/'],
      ['https://bucher.example/'],
    ],
    [
      'has an address of IPv6',
      'http://[\\:\\:1]:8080/a',
      ['http://[::1]:8080/a', 'http://[0:0::1]:8080/a'],
      ['http://[::1]/a'],
    ],
    ['has an address of IPv4', 'http://127.1/a', ['http://127.0.0.1/a'], ['http://127.0.0.2/a']],
    ['has any port', 'https://h:*/', ['https://h', 'https://h:1'], ['https://i:1']],
    [
      'has any path, search and hash behind a host alone',
      'https://h',
      ['https://h', 'https://h/a?b#c'],
      ['https://h:1', 'http://h'],
    ],
    ['has any user', 'https://h/', ['https://h/', 'https://me@h/', 'https://me:secret@h/'], ['https://me@i/']],
    ['has a user', 'https://me@h/', ['https://me@h/', 'https://me:secret@h/'], ['https://you@h/', 'https://h/']],
    ['has several protocols', 'http{s}?://h/a', ['http://h/a', 'https://h/a'], ['ws://h/a']],
    ['has any protocol', '*://h/a', ['http://h/a', 'tidings://h/a'], ['http://h/b']],
    [
      'has a scheme of its own with a host',
      'tidings://h/:a',
      ['tidings://h/b', 'tidings://h/b/c'],
      ['tidings://i/b', 'http://h/b'],
    ],
    ['has a scheme without a host', 'urn:{/}?isbn\\::number', ['urn:isbn:1'], ['urn:issn:1', 'isbn:1']],
    // The standard puts the base's folder before a path, even behind another scheme
    ['has a scheme without a host and the folder of the base', 'urn\\:isbn\\::number', [], ['urn:isbn:1', 'isbn:1']],
    ['takes a colon and a name for a name', 'urn:isbn', ['urn1', './urn:1'], ['urn:isbn', 'urn']],
  ])('%s: %s', (_, pattern, matching, others) => {
    const answers = (topics: readonly string[]): readonly boolean[] => topics.map((topic) => matches(pattern, topic));
    expect(answers(matching)).toEqual(matching.map(() => true));
    expect(answers(others)).toEqual(others.map(() => false));
    expect(answers([...matching, ...others])).toEqual(
      [...matching, ...others].map((topic) => new URLPattern(pattern, BASE).test(topic, BASE)),
    );
  });
});

describe('a topic', () => {
  test('that is no URL matches nothing', () => {
    expect(matches('*', 'http://:80')).toBe(false);
    expect(matches('*', 'a', 'urn:a')).toBe(false);
  });

  test('is resolved anew where only its base differs', () => {
    const selects = compilePatterns([
      { pattern: 'a', base: 'http://one/' },
      { pattern: 'b', base: 'http://two/' },
    ]);
    expect(['a', 'b', 'http://one/a', 'http://two/a', 'http://two/b', 'c'].map(selects)).toEqual([
      true,
      true,
      true,
      false,
      true,
      false,
    ]);
  });
});

test('a compiled pattern takes not much more memory than its text', () => {
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_';
  const random = randomNumbers();
  const text = Array.from({ length: 1022 }, () => letters[Math.floor(random() * letters.length)]).join('');
  for (const pattern of [`*${text}*`, `${text}/*`, `*${text}`]) {
    expect(new CompiledPattern({ pattern, base: BASE }).bytes).toBeLessThan(5.5 * pattern.length);
  }
});

test('a pattern is compiled once for all that have the same text and base', () => {
  const of = (pattern: string, base: string): CompiledPattern => CompiledPattern.of({ pattern, base });
  expect(of('a/:b', BASE)).toBe(of('a/:b', BASE));
  expect(of('a/:b', BASE)).not.toBe(of('a/:b', 'https://example.com/topics/'));
  expect(of('a/:b', BASE)).not.toBe(of('a/:c', BASE));
});

test('no patterns match no topic', () => {
  expect(compilePatterns([])('a')).toBe(false);
});

describe('a pattern is refused, and the error names what was found', () => {
  test.each<[pattern: string, part: string]>([
    ['a/(\\d+)', 'a regular expression group'],
    ['a/:b(c)', 'a regular expression group'],
    ['a'.repeat(1025), '1025 characters long; at most 1024 are allowed'],
    [`*${'漢'.repeat(500)}*`, 'states when compiled; at most 4096 are allowed'],
    ['a\u0000', 'a control character'],
    ['a\\', 'a backslash that escapes nothing'],
    ['{a', '"{" without its "}"'],
    ['a}', '"}" that is not one of a pair'],
    ['{a{b}}', '"{" that is not one of a pair'],
    ['a+', '"+" in its pathname where it means nothing'],
    ['{*:b}', '":b" in its pathname where it means nothing'],
    [':a/:a', 'the name ":a" twice in its pathname'],
    ['a\\\\b', 'the text "/topics/a\\\\b" in its pathname'],
    ["a\\?b='c'", 'a single quote has to be written %27'],
    ['a b://c', 'the text "a b" in its protocol'],
    ['https://a%41/', 'the text "a%41" in its hostname'],
    ['https://*.1/', 'the text ".1" in its hostname'],
    ['https://[\\:\\:g]/', 'the text "[::g]" in its hostname'],
    ['https://{[}?*/', 'its host begins with a group'],
    ['https://a:70000/', 'the text "70000" in its port'],
    ['urn\\:a b', 'the text "/topics/a b" in its pathname, where in a path without folders'],
    ['tidings:///a/../b', 'the text "/a/../b" in its pathname'],
    ['file:///a', 'its protocol is "file"'],
  ])('%s', (pattern, part) => {
    expect(() => compilePattern({ pattern, base: BASE })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_PATTERN', message: expect.stringContaining(part) }) as Error,
    );
  });

  test('a base that is no absolute URL', () => {
    expect(() => compilePattern({ pattern: 'a', base: '/topics/' })).toThrow('its base "/topics/" is no absolute URL');
  });

  test('one of several', () => {
    expect(() =>
      compilePatterns([
        { pattern: 'a', base: BASE },
        { pattern: '{', base: BASE },
      ]),
    ).toThrow('The URL pattern "{" is not allowed');
  });
});

describe('whatever is allowed answers', () => {
  // What the platform allows and we do not, by a part of the message: each a corner that implementations read differently
  const CORNERS = [
    'regular expression group',
    'regular expression group',
    'single quote',
    '"file"',
    'begins with "["',
    'in its hostname',
    'in its pathname, where',
    'in its port',
  ];

  test('as the platform’s URLPattern does', () => {
    const count = { allowed: 0, matched: 0 };
    fc.assert(
      fc.property(ANY_SAMPLE, (sample) => {
        const [ours, refusal] = compiled(sample);
        const theirs = platformPattern(URLPattern, sample);
        if (ours === undefined) {
          const known = theirs === undefined || CORNERS.some((corner) => refusal?.includes(corner));
          expect({ known, refusal }).toEqual({ known: true, refusal });
          return;
        }
        expect(theirs).toBeDefined();
        count.allowed++;
        for (const topic of sample.topics.filter((one) => isBearable(sample.pattern, one))) {
          const answer = ours.test(topic);
          expect({ topic, answer }).toEqual({ topic, answer: theirs?.test(topic, sample.base) });
          if (answer) count.matched++;
        }
      }),
      { numRuns: RUNS },
    );
    // The samples are worth something only if many are allowed and match
    expect(count.allowed).toBeGreaterThan(RUNS / 4);
    expect(count.matched).toBeGreaterThan(RUNS / 20);
  });

  test('as urlpattern-polyfill does, for patterns as people write them', async () => {
    const { URLPattern: Other } = await import('urlpattern-polyfill');
    const count = { allowed: 0, matched: 0 };
    fc.assert(
      fc.property(PLAIN_SAMPLE, (sample) => {
        const [ours] = compiled(sample);
        const theirs = platformPattern(Other, sample);
        if (ours === undefined || theirs === undefined) return;
        count.allowed++;
        // It reads URLs with doubled slashes differently from the platform
        const topics = sample.topics.filter((one) => isBearable(sample.pattern, one) && !/[^:][\\/]{2}/.test(one));
        for (const topic of topics) {
          const answer = ours.test(topic);
          expect({ topic, answer }).toEqual({ topic, answer: theirs.test(topic, sample.base) });
          if (answer) count.matched++;
        }
      }),
      { numRuns: RUNS },
    );
    expect(count.allowed).toBeGreaterThan(RUNS / 2);
    expect(count.matched).toBeGreaterThan(RUNS / 5);
  });
});

describe('a topic is matched in steps that grow with its length times the size of the pattern', () => {
  const steps = (
    pattern: string,
    topic: string,
  ): { readonly steps: number; readonly states: number; readonly matched: boolean } => {
    const compiledOne = new CompiledPattern({ pattern, base: BASE });
    const meter = { steps: 0 };
    const matched = compiledOne.test(topic, meter);
    return { steps: meter.steps, states: compiledOne.states, matched };
  };
  const optional = (word: string): string => Array.from(word, (letter) => `{${letter}}?`.repeat(14)).join('');

  test.each<[what: string, pattern: string, repeated: string]>([
    ['optional groups', `${optional('orders')}/${optional('berlin')}!`, 'o'],
    ['a name with a modifier', 's:x+!', 's'],
    ['a wildcard with a modifier', '*+!', 's'],
    ['a group around a name, repeated', '{s:x}+!', 's'],
    [
      'optional segments',
      `${Array.from({ length: 30 }, (_, at) => `/:a${at}?`)
        .join('')
        .slice(1)}!`,
      'a/',
    ],
    ['two wildcards and a name', '*a:xa*!', 'a'],
    ['wildcards throughout', '*a'.repeat(500), 'a'],
    ['repeated groups that overlap', '{a*}+{*a}+'.repeat(50), 'a'],
    ['groups that may be missing or repeated', '{a}*'.repeat(256), 'a'],
  ])('%s', (_, pattern, repeated) => {
    const half = steps(pattern, repeated.repeat(512 / repeated.length));
    const whole = steps(pattern, repeated.repeat(1024 / repeated.length));
    expect(whole.steps).toBeLessThanOrEqual(1024 * whole.states * 4);
    expect(whole.steps).toBeLessThanOrEqual(2.2 * half.steps + 100);
  });

  test('whatever the pattern and the topic', () => {
    fc.assert(
      fc.property(DENSE_SAMPLE, ({ pattern, topics: [topic = ''] }) => {
        const { steps: taken, states } = steps(pattern, topic);
        expect(taken).toBeLessThanOrEqual(10 + (topic.length + BASE.length) * (states + 1) * 4);
      }),
      { numRuns: 500 },
    );
  });

  test('also where patterns and topics are bred to take as long as they can', () => {
    const PIECES = [
      ...Array.from('ab/-*?+:{}'),
      '{a}*',
      '{a}?',
      '{a*}+',
      '{*a}*',
      '{/:x}?',
      ':y',
      '**',
      '*a',
      '\\?',
      '?',
      '#',
      '://',
    ];
    const random = randomNumbers();
    const started = { pattern: [...Array.from({ length: 60 }, () => '{a}*'), '!'], topic: Array.from('a'.repeat(300)) };
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const changed = (list: readonly string[], pieces: readonly string[]): string[] => {
      const at = Math.floor(random() * (list.length + 1));
      const many = Array.from({ length: 1 + Math.floor(40 * random() ** 4) }, () => pick(pieces));
      return random() < 0.25 ? list.toSpliced(at, many.length) : list.toSpliced(at, 0, ...many);
    };
    let { pattern, topic } = started;
    let worst = 0;
    for (let run = 0; run < RUNS; run += 1) {
      // The first one is as it was started, so that what is bred is no better than that.
      const nextPattern = run > 0 && random() < 0.6 ? changed(pattern, PIECES) : pattern;
      const nextTopic = run > 0 && random() < 0.6 ? changed(topic, ['a', 'a', 'a', 'b', '/', '-', '?', '#']) : topic;
      const [text, name] = [nextPattern.join(''), nextTopic.slice(0, 1024).join('')];
      const [one] = compiled({ pattern: text, base: BASE, topics: [] });
      if (!one) continue;
      const meter = { steps: 0 };
      one.test(name, meter);
      expect(meter.steps).toBeLessThanOrEqual(10 + (name.length * 3 + BASE.length) * (one.cost + 1));
      if (meter.steps < worst) continue;
      [pattern, topic, worst] = [nextPattern, nextTopic.slice(0, 1024), meter.steps];
    }
    // About a millisecond; and no less than what it started with.
    expect(worst).toBeLessThan(4_000_000);
    expect(worst).toBeGreaterThan(4_000);
  });

  test('all patterns of one listener together take no more than the worst of them may', () => {
    const worst = { pattern: '{a}*'.repeat(250), base: BASE };
    const { cost } = new CompiledPattern(worst);
    const few = Math.floor(4096 / cost);
    expect(few).toBeGreaterThan(1);
    const many = (count: number): (() => unknown) => {
      return () => compilePatterns(Array.from({ length: count }, () => worst));
    };
    expect(many(few)).not.toThrow();
    expect(many(few + 1)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_PATTERN',
        message: expect.stringContaining(`steps; at most 4096 are allowed`) as string,
      }) as Error,
    );
    // They are compiled only until they cost too much.
    expect(() =>
      compilePatterns([...Array.from({ length: few + 1 }, () => worst), { pattern: '{', base: BASE }]),
    ).toThrow(`the first ${few + 1} of them`);
    const usual = Array.from({ length: 100 }, (_, at) => ({
      pattern: `:site/${'x'.repeat(900)}${at}/:room/*`,
      base: BASE,
    }));
    expect(() => compilePatterns(usual)).not.toThrow();
  });

  test('a topic that begins otherwise costs one step', () => {
    const counts = Array.from({ length: 1000 }, (_, at) => steps(`sensors/${at}/:x`, 'alarms/7/a').steps);
    expect(new Set(counts)).toEqual(new Set([1]));
  });
});

type Platform = typeof Polyfill | typeof URLPattern;

function compiled({ pattern, base }: Sample): readonly [CompiledPattern | undefined, refusal?: string] {
  try {
    return [new CompiledPattern({ pattern, base })];
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_INVALID_PATTERN' });
    return [undefined, (error as Error).message];
  }
}

function platformPattern(Platform: Platform, { pattern, base }: Sample): URLPattern | Polyfill | undefined {
  try {
    return new Platform(pattern, base);
  } catch {
    return undefined;
  }
}
