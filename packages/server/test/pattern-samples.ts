import fc from 'fast-check';

/** A pattern, the base, and topics to try: the first is made to fit the pattern, as far as that is easy. */
export interface Sample {
  readonly pattern: string;
  readonly base: string;
  readonly topics: readonly string[];
}

/** A piece of a pattern, and text that may stand in its place. */
type Piece = readonly [pattern: string, text: string];

const BASES = [
  'http://127.0.0.1:4000/topics/',
  'https://example.com/',
  'https://example.com/a/b?q=1#f',
  'http://[::1]:80/x',
  'https://u:p@h.example/:a/*x',
  'https://bücher.example/ä/',
  'urn:a:b',
  'tidings://Host/x/',
  'foo:/a/b',
  "foo://h?'",
];

const PLAIN_TEXTS = ['a', 'b', 'foo', 'A', 'a.b', '-', '_', '~', '%41', 'ä', '漢', '😀', '0', '&', '=', '!', ';', ','];
const TEXTS = [
  ...PLAIN_TEXTS,
  '.',
  '..',
  '%2e',
  '/./',
  '/../',
  '//',
  ' ',
  '"',
  '<',
  '|',
  '^',
  '$',
  "'",
  '[',
  ']',
  '\\',
  '@',
  '#',
  '?',
  '443',
  '8080',
  '0x7f',
  'xn--a',
  '\u2028',
  '\u200d',
  '(',
  ')',
  ':',
  '*',
  '+',
  '{',
  '}',
];
const SEGMENTS = ['a', 'b', 'foo', 'a.b', '', 'ab', '%41', 'ä', '0', 'a/b'];

const PROTOCOLS: readonly Piece[] = [
  ...Array.from({ length: 8 }, (): Piece => ['', '']),
  ['/', '/'],
  ['?', '?'],
  ['#', '#'],
  ['//', '//'],
  ['https://', 'https://'],
  ['https://', 'https://'],
  ['{https}://', 'https://'],
  ['http{s}?://', 'https://'],
  ['http{s}?://', 'http://'],
  ['w{s}+://', 'ws://'],
  ['ws\\:', 'ws:'],
  ['http:', 'http:'],
  ['f*://', 'ftp://'],
  ['*://', 'https://'],
  ['*://', 'foo://'],
  [':p://', 'https://'],
  [':p://', 'foo://'],
  ['tidings://', 'tidings://'],
  ['urn\\:', 'urn:'],
  ['urn:', 'urn:'],
  ['a+b:', 'a+b:'],
  ['file:///', 'file:///'],
];

const HOSTS: readonly Piece[] = [
  ...['h', 'example.com', 'EXAMPLE.com', '127.0.0.1', '1', '1.2', '0x7f.1', 'a_b', 'bücher.de', 'xn--bcher-kva.de'].map(
    (host): Piece => [host, host],
  ),
  ['*.example.com', 'a.example.com'],
  ['*.bücher.de', 'x.bücher.de'],
  [':h', 'example.com'],
  [':h', 'h'],
  ['a.:b.c', 'a.b.c'],
  ['{*.}?b.c', 'b.c'],
  ['{*.}?b.c', 'a.b.c'],
  ['{:s.}+c', 'a.b.c'],
  ['1.:x', '1.2'],
  [':x.1', '1.1'],
  ['[\\:\\:1]', '[::1]'],
  ['[::1]', '[::1]'],
  ['[*]', '[::1]'],
  ['{[}?*', '[::1]'],
  ['h:', 'h'],
  ['h:*', 'h:81'],
  ['h:8:x', 'h:81'],
  ['h:{80}?80', 'h:8080'],
  ['h:0080', 'h:80'],
  ['h:443', 'h'],
  ['h:80', 'h'],
  ['h\\:80', 'h:80'],
  [':u@h', 'me@h'],
  ['u:p@h', 'u:p@h'],
  ['u:*@h', 'u:x@h'],
  ['*@h', 'u@h'],
];

const escaped = (text: string): string => text.replace(/[+*?:{}()\\]/g, '\\$&');
const from = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const modifier = from('', '', '', '?', '+', '*');
const segment = from(...SEGMENTS);

/** One piece of a path, search or hash. The number makes its name one of its own. */
function piece(number: number, texts: readonly string[]): fc.Arbitrary<Piece> {
  const name = `:n${number}`;
  return fc.oneof(
    { weight: 5, arbitrary: from(...texts).map((text): Piece => [escaped(text), text]) },
    { weight: 4, arbitrary: fc.constant<Piece>(['/', '/']) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(from(name, `{${name}}`), modifier, fc.array(segment, { minLength: 1, maxLength: 3 }))
        .map(([wildcard, mark, values]): Piece => [
          wildcard + mark,
          mark === '' ? (values[0] ?? '') : values.join('/'),
        ]),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(modifier, segment).map(([mark, value]): Piece => [`*${mark}`, value]),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(from('', 'a', '/', '/a', '.'), from('', '*', name), from('', '-', '/'), modifier, fc.array(segment))
        .map(([prefix, wildcard, suffix, mark, values]): Piece => {
          const times = mark === '' ? 1 : mark === '?' ? Math.min(values.length, 1) : Math.min(values.length, 3);
          const text = Array.from({ length: times }, (_, at) =>
            wildcard === '' ? prefix + suffix : prefix + (values[at] ?? 'a') + suffix,
          );
          return [`{${prefix}${wildcard}${suffix}}${mark}`, text.join('')];
        }),
    },
  );
}

function pieces(texts: readonly string[]): fc.Arbitrary<Piece> {
  return fc
    .integer({ min: 0, max: 6 })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, number) => piece(number, texts))))
    .map((all): Piece => [all.map(([pattern]) => pattern).join(''), all.map(([, text]) => text).join('')]);
}

const other = fc
  .array(fc.oneof(from(...TEXTS), segment, fc.constant('/')), { maxLength: 6 })
  .map((all) => all.join(''));

function sample(pattern: fc.Arbitrary<Piece>, bases: readonly string[]): fc.Arbitrary<Sample> {
  return fc
    .tuple(pattern, from(...bases), other)
    .map(([[written, text], base, topic]): Sample => ({ pattern: written, base, topics: [text, topic] }));
}

const structured = fc
  .tuple(
    from(...PROTOCOLS),
    fc.option(from(...HOSTS), { nil: undefined }),
    pieces(TEXTS),
    fc.option(fc.tuple(from('?', '\\?', '??'), pieces(TEXTS)), { freq: 4, nil: undefined }),
    fc.option(pieces(TEXTS), { freq: 5, nil: undefined }),
  )
  .map(([protocol, host, path, search, hash]): Piece => {
    const hasHost = host !== undefined && protocol[0].endsWith('//');
    const head: Piece = hasHost ? [`${protocol[0]}${host[0]}/`, `${protocol[1]}${host[1]}/`] : protocol;
    const query: Piece = search ? [search[0] + search[1][0], search[0].replace('\\', '') + search[1][1]] : ['', ''];
    const tail: Piece = hash ? [`#${hash[0]}`, `#${hash[1]}`] : ['', ''];
    return [head[0] + path[0] + query[0] + tail[0], head[1] + path[1] + query[1] + tail[1]];
  });

// Whatever has a meaning in a pattern, in any order: most of it is malformed
const SYNTAX = [
  '*',
  '+',
  '?',
  ':',
  '{',
  '}',
  ':x',
  ':y',
  '\\a',
  '\\:',
  '\\?',
  '\\#',
  '\\',
  '**',
  '{}',
  '{a}',
  '*?',
  '{:x}',
];
const wild = fc
  .tuple(
    fc.array(from(...SYNTAX, '{[}?', '{\\?}', '{a/}', '://', 'https', 'ws', 'urn', 'h', '[', ...TEXTS), {
      maxLength: 8,
    }),
    fc.array(from(...TEXTS), { maxLength: 6 }),
  )
  .map(([pattern, text]): Piece => [pattern.join(''), text.join('')]);

/** Patterns of every kind, malformed ones included. */
export const ANY_SAMPLE: fc.Arbitrary<Sample> = fc.oneof(
  { weight: 4, arbitrary: sample(structured, BASES) },
  { weight: 1, arbitrary: sample(wild, BASES) },
);

/** Patterns as people write them: relative ones and those of a host of the web, plain text, wildcards and modifiers. */
export const PLAIN_SAMPLE: fc.Arbitrary<Sample> = sample(
  fc
    .tuple(
      from<Piece>(['', ''], ['', ''], ['/', '/'], ['https://h/', 'https://h/'], ['https://*.a.b/', 'https://x.a.b/']),
      pieces(PLAIN_TEXTS),
    )
    .map(([head, path]): Piece => [head[0] + path[0], head[1] + path[1]]),
  BASES.slice(0, 2),
);

const DENSE = [
  'a',
  'a',
  'b',
  '*',
  '{a}?',
  '{a}*',
  '{ab}+',
  '{*a}?',
  '{a*}*',
  '/',
  '{/*}*',
  '-',
  '**',
  '{-*}+',
  '{a*b}*',
];

/** Patterns that are wildcards and modifiers throughout, and long topics of the same few characters. */
export const DENSE_SAMPLE: fc.Arbitrary<Sample> = fc
  .tuple(
    fc.array(from(...DENSE), { minLength: 1, maxLength: 150 }).map((all) => all.join('')),
    fc.array(from('a', 'a', 'a', 'ab', 'b', '/', '-'), { maxLength: 1000 }).map((all) => all.join('').slice(0, 1024)),
  )
  .map(([pattern, topic]): Sample => ({ pattern, base: 'http://h/', topics: [topic] }));

/** Whether the platform's regular expressions answer in reasonable time: they go back, and ours does not. */
export function isBearable(pattern: string, topic: string): boolean {
  const nested = pattern.match(/\*[*+]|[*:][^{}]*\}[*+]|:\w+[*+]/g)?.length ?? 0;
  const wildcards = pattern.match(/[*+]|:\w/g)?.length ?? 0;
  const length = encodeURI(topic).length;
  return nested <= 1 && wildcards <= 7 && length <= (nested === 1 ? 18 : 90);
}
