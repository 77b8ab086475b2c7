/** Rules 3 to 26, as far as a whole source shows them: what the bytes of a stream become. */
import type { Departure, Scenario } from './scenario.ts';
import { listen } from './scenario-stage.ts';
import { head, STREAM, STREAM_HEAD } from './server-script.ts';

const END = { do: 'end' } as const;
const LONG = 'x'.repeat(2_048);

interface Format {
  readonly rules: readonly number[];
  /** The web platform's test that it stands for, and the name of its subtest if it has several. */
  readonly wpt: string;
  readonly body: string;
  /** The data of each event, or the data and the last event ID. */
  readonly events: readonly (string | readonly [data: string, lastEventId: string])[];
  readonly type?: string;
  readonly departures?: readonly Departure[];
}

function format(name: string, { rules, wpt, body, events, type, departures = [] }: Format): Scenario {
  const start = type === undefined ? STREAM_HEAD : head(200, { 'Content-Type': type });
  return {
    rules,
    name,
    wpt: [wpt],
    server: [[start, body]],
    client: listen(events.length + 1),
    log: [
      'open 1',
      ...events.map((event) => {
        const [data, id] = typeof event === 'string' ? [event, ''] : event;
        return `message 1 ${JSON.stringify(data)} ${JSON.stringify(id)} {origin}`;
      }),
    ],
    requests: [{}],
    departures,
  };
}

/** The subtests' ids, percent-encoded as their names are. */
const NUL_IDS = ['\0\0', 'x\0', '\0x', 'x\0x', ' \0'];

export const formatScenarios: readonly Scenario[] = [
  format('a byte order mark is left out at the beginning and nowhere else', {
    rules: [3],
    wpt: 'format-bom',
    body: '\uFEFFdata: a\n\n\uFEFFdata: b\n\ndata: c\n\n',
    events: ['a', 'c'],
  }),
  format('a second byte order mark belongs to the first field', {
    rules: [3],
    wpt: 'format-bom-2',
    body: '\uFEFF\uFEFFdata: a\n\ndata: b\n\ndata: c\n\n',
    events: ['b', 'c'],
  }),
  format('text is UTF-8, whatever charset is announced', {
    rules: [1, 34],
    wpt: 'format-utf-8',
    type: 'text/event-stream;charset=windows-1252',
    body: 'data: well…\n\n',
    events: ['well…'],
    departures: [{ who: ['Chromium'], why: 'it refuses every charset but UTF-8', log: ['error 2'] }],
  }),
  format('CR LF, LF and CR each end a line', {
    rules: [5],
    wpt: 'format-newlines',
    body: 'data: a\r\ndata\ndata:b\r\n\r',
    events: ['a\n\nb'],
  }),
  format('comments are left out, long ones and those that look like fields too', {
    rules: [9],
    wpt: 'format-comments',
    body: `data: a\r:\0\n:\r\ndata: b\n:${LONG}\rdata: c\n:data: no\r:${LONG}\ndata: d\n\n`,
    events: ['a\nb\nc\nd'],
  }),
  format('lines of data become one event, and a block without data none', {
    rules: [12, 15],
    wpt: 'event-data',
    body: 'data: a\ndata:a\n\n:\nunknown: b\n\nunknown: c\nData: d\n\ndata\n\ndata:end\n\n',
    events: ['a\na', '', 'end'],
  }),
  format('empty data is data, one line feed for each further line', {
    rules: [12, 14],
    wpt: 'format-field-data',
    body: 'data:\n\ndata\ndata\n\ndata: a\n\n',
    events: ['', '\n', 'a'],
  }),
  format('an empty event type is that of a message', {
    rules: [17],
    wpt: 'format-field-event-empty',
    body: 'event: \ndata: a\n\n',
    events: ['a'],
  }),
  format('one space behind the colon is left out, and no tab', {
    rules: [11],
    wpt: 'format-leading-space',
    body: 'data:\ta\rdata: \ndata:  b\n\n',
    events: ['\ta\n\n b'],
  }),
  format('a field that is unknown, or begins with a space, is left out', {
    rules: [10, 13],
    wpt: 'format-field-unknown',
    body: 'data: a\n data: b\ndata\nunknown: c\nonly text\n: comment\ndata: d\n\n',
    events: ['a\n\nd'],
  }),
  format('the name of a field is compared letter by letter', {
    rules: [13],
    wpt: 'format-field-parsing',
    body: 'data:\0\ndata:  b\rData: c\ndata\0: d\ndata: e\r\0data: f\nda-ta: g\rdata_: h\ndata:i\rdata:\r\n data: j\ndata: k\n\n',
    events: ['\0\n b\ne\ni\n\nk'],
  }),
  format('NUL is data as any other character', {
    rules: [12],
    wpt: 'format-null-character',
    body: 'data: \0\n\n',
    events: ['\0'],
    departures: [{ who: ['Firefox'], why: 'it leaves NUL out', log: ['open 1', 'message 1 "" "" {origin}'] }],
  }),
  format('the last event ID stays until there is another', {
    rules: [18],
    wpt: 'format-field-id-3: lastEventId persists',
    body: 'id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\ndata: d\n\n',
    events: [
      ['a', '1'],
      ['b', '1'],
      ['c', '2'],
      ['d', '2'],
    ],
  }),
  ...[
    ['id:', 'lastEventId resets'],
    ['id', 'lastEventId resets (id without colon)'],
  ].map(([field, subtest]) =>
    format(`'${field}' empties the last event ID`, {
      rules: [21],
      wpt: `format-field-id-3: ${subtest}`,
      body: `id: 1\ndata: a\n\n${field}\ndata: b\n\ndata: c\n\n`,
      events: [
        ['a', '1'],
        ['b', ''],
        ['c', ''],
      ],
    }),
  ),
  ...NUL_IDS.map((id): Scenario => ({
    rules: [20, 30],
    name: `an id of ${encodeURIComponent(id)} is left out`,
    wpt: [`format-field-id-null: ${encodeURIComponent(id)}`],
    server: [
      [STREAM, `retry: 100\nid: ${id}\ndata: a\n\n`, END],
      [STREAM, 'data: b\n\n'],
    ],
    client: listen('message 1 "b" "" {origin}'),
    log: ['open 1', 'message 1 "a" "" {origin}', 'error 0', 'open 1', 'message 1 "b" "" {origin}'],
    requests: [{}, { headers: { 'last-event-id': null } }],
    departures: [
      {
        who: ['Firefox'],
        why: 'it forgets the rest of the block too',
        log: ['open 1', 'error 0', 'open 1', 'message 1 "b" "" {origin}'],
      },
    ],
  })),
];
