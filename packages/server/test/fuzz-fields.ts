import fc from 'fast-check';

/** What a listener must get of one event that was accepted: this and nothing else. */
export interface Written {
  readonly type: string;
  /** undefined where no event is dispatched. */
  readonly data: string | undefined;
  /** The publisher's id, where one was given. */
  readonly id: string | undefined;
  readonly retry: number | undefined;
  readonly comments: readonly string[];
}

/** One call with whatever a caller may pass, and what has to come of it. */
export interface Case {
  /** For the message of a test that fails. */
  readonly title: () => string;
  /** Makes what is passed: a new one each time, for some of it changes when it is looked at. */
  readonly make: () => unknown;
  /** What arrives; undefined where it has to be refused. */
  readonly written: (door: Door) => Written | undefined;
}

/** Where events are passed in. A Channel keeps ids and types as keys, so it takes fewer of them, and every event of it has data. */
export type Door = 'eventStream' | 'Channel';

// The names and values that an attacker would like to see on a line of their own.
export const FORGED = 'forged';

const piece = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n', '\n\r') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      `data: ${FORGED}`,
      `event: ${FORGED}`,
      `id: ${FORGED}`,
      'retry: 1',
      `\n\nevent: ${FORGED}\ndata: ${FORGED}\nid: ${FORGED}\nretry: 1\n\n`,
      `\r\rid: ${FORGED}\r\r`,
      `\0id: ${FORGED}`,
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('\0', '\u2028', '\u2029', '\u0085', '\v', '\f', '\u001b', '\u007f', '\ufeff'),
  },
  { weight: 2, arbitrary: fc.constantFrom('\ud800', '\udc00', '\udc00\ud800', '\ufffd', '\uffff', '😀', '語', 'ü') },
  { weight: 3, arbitrary: fc.constantFrom(' ', '  ', ':', ': ', '\t', 'a', '0', '#', 'earliest', 'x'.repeat(700)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
);
const text = fc.oneof(
  { weight: 20, arbitrary: fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(100_000), 'y\r\n'.repeat(3000)) },
);
// Most lines have nothing that would be refused, or nothing would be tested but refusals.
const line = fc.oneof(
  { weight: 3, arbitrary: text.map((value) => value.replaceAll(/[\0\r\n]/g, '')) },
  // oxlint-disable-next-line no-control-regex -- what a key may not have
  { weight: 3, arbitrary: text.map((value) => value.replaceAll(/[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/g, '')) },
  { weight: 2, arbitrary: text },
);
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, 0, -0, 5, Number.NaN, true, 5n, Symbol('odd'), '5', [], [`a\nid: ${FORGED}`], {}),
  fc.constantFrom<unknown>(new String('a'), { toString: () => `a\n\ndata: ${FORGED}` }, () => 'a', new Date(0)),
  fc.anything(),
);
const milliseconds = fc.oneof(
  { weight: 3, arbitrary: fc.maxSafeNat() },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(-1, 0.5, 2 ** 53, Number.POSITIVE_INFINITY, Number.NaN, `5\ndata: ${FORGED}`),
  },
);
const rarely = (usual: fc.Arbitrary<unknown>, rare: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 12, arbitrary: usual },
    { weight: 1, arbitrary: rare },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );

type Passed = Readonly<Record<'event' | 'data' | 'id' | 'comment' | 'retry', unknown>>;

const passed = fc
  .record(
    {
      data: rarely(text, odd),
      event: rarely(line, odd),
      id: rarely(line, odd),
      comment: rarely(text, odd),
      retry: rarely(milliseconds, odd),
    },
    { requiredKeys: [] },
  )
  .map((fields): Case => ({
    title: () => fc.stringify(fields).slice(0, 500),
    make: () => fields,
    written: (door) => written(fields as Passed, door),
  }));

/** Objects that are not what they look like. */
const TRICKS: readonly Case[] = [
  trick('an id that changes when it is looked at again', { id: 'a', data: 'b' }, () => {
    let looks = 0;
    return {
      data: 'b',
      get id() {
        looks += 1;
        return looks === 1 ? 'a' : `a\ndata: ${FORGED}`;
      },
    };
  }),
  trick('data that changes when it is looked at again', { data: 'a' }, () => {
    let looks = 0;
    return {
      get data() {
        looks += 1;
        return looks === 1 ? 'a' : { replace: () => `\nid: ${FORGED}` };
      },
    };
  }),
  trick('fields without a prototype', { event: 'b', data: 'a' }, () =>
    Object.assign(Object.create(null) as object, { event: 'b', data: 'a' }),
  ),
  trick('fields behind a proxy', { event: 'b', data: 'a' }, () => new Proxy({ event: 'b', data: 'a' }, {})),
  trick(
    'fields that are inherited',
    { event: 'b', data: 'a' },
    () => Object.create({ event: 'b', data: 'a' }) as object,
  ),
  trick(
    'fields that a class computes',
    { data: 'a' },
    () =>
      new (class Fields {
        get data(): string {
          return 'a';
        }
      })(),
  ),
  trick('a field whose name is a symbol', { data: 'a' }, () => ({ data: 'a', [Symbol.iterator]: `\nid: ${FORGED}` })),
  trick('a prototype from JSON', undefined, () => JSON.parse(`{"data":"a","__proto__":{"id":"a\\nid: ${FORGED}"}}`)),
  trick('a field with a line end in its name', undefined, () => ({ data: 'a', [`b\nid: ${FORGED}`]: 'c' })),
  trick('a field of the wrong case', undefined, () => ({ data: 'a', ID: FORGED })),
  trick('a text', undefined, () => `data: ${FORGED}\n\n`),
  trick('null', undefined, () => null),
  trick('nothing', undefined, () => undefined),
  trick('a number', undefined, () => 5),
  trick('a function', undefined, () => () => ({ data: FORGED })),
  trick('an array of lines', undefined, () => [`data: ${FORGED}`, '', '']),
];

function trick(title: string, fields: Partial<Passed> | undefined, make: () => unknown): Case {
  return { title: () => title, make, written: (door) => fields && written(fields as Passed, door) };
}

/** Events as a careless or hostile caller would pass them. The seed gives the same ones again. */
export function sample(seed: number, count: number): readonly Case[] {
  return [...TRICKS, ...fc.sample(passed, { seed, numRuns: count })];
}

/** What the rules for a caller say of these fields, in the words of README and DESIGN rather than those of the encoder. */
function written(fields: Passed, door: Door): Written | undefined {
  if (Object.keys(fields).some((key) => !['event', 'data', 'id', 'comment', 'retry'].includes(key))) return undefined;
  const { event, id, comment, retry } = fields;
  const data = fields.data ?? (door === 'Channel' && fields.data === undefined ? '' : fields.data);
  const isName = door === 'Channel' ? isKey : isLine;
  if (event !== undefined && event !== '' && !isName(event)) return undefined;
  if (id !== undefined && !(door === 'Channel' ? isOwnId(id) : isLine(id))) return undefined;
  if (data !== undefined && typeof data !== 'string') return undefined;
  if (comment !== undefined && typeof comment !== 'string') return undefined;
  if (retry !== undefined && !(typeof retry === 'number' && Number.isSafeInteger(retry) && retry >= 0))
    return undefined;
  if ([event || undefined, data, id, comment, retry].every((value) => value === undefined)) return undefined;
  // A comment alone is no event.
  if (door === 'Channel' && [event, fields.data, id, retry].every((value) => value === undefined)) return undefined;
  return {
    type: typeof event === 'string' && event !== '' ? wellFormed(event) : 'message',
    data: data === undefined ? undefined : wellFormed(data).replaceAll(/\r\n?/g, '\n'),
    id: typeof id === 'string' ? wellFormed(id) : undefined,
    retry: typeof retry === 'number' ? Math.abs(retry) : undefined,
    comments: comment === undefined ? [] : wellFormed(comment).split(/\r\n|\r|\n/),
  };
}

/** What UTF-8 makes of it. */
function wellFormed(value: string): string {
  return value.replaceAll(/\p{Surrogate}/gu, '\ufffd');
}

function isLine(value: unknown): value is string {
  return typeof value === 'string' && !/[\0\r\n]/.test(value);
}

function isKey(value: unknown): value is string {
  if (typeof value !== 'string' || value === '') return false;
  return !/[\p{Cc}\p{Surrogate}]/u.test(value) && Buffer.byteLength(value) <= 1024;
}

/** It comes back in a header field, which HTTP strips of spaces. */
function isOwnId(value: unknown): boolean {
  return isKey(value) && value !== 'earliest' && !value.startsWith('#') && !/^ | $/.test(value);
}
