/** Rules 26 and 44: the reconnection time. */
import type { Scenario } from './scenario.ts';
import { type Client, listen, pass } from './scenario-stage.ts';
import { type ServerScript, STREAM } from './server-script.ts';

const END = { do: 'end' } as const;

const RECOVERY: ServerScript = [STREAM, 'data: recovered\n\n'];
const RECOVERED = ['open 1', 'message 1 "recovered" "" {origin}'];

/** Listens until the connection is made again, and tells whether that took longer than the least time. */
function waitedLongerThan(leastMs: number): Client {
  return async (stage) => {
    const source = stage.open(`${stage.here}/stream`);
    let lostAt = 0;
    source.addEventListener('error', () => void (lostAt = performance.now()));
    await stage.watch(source, { lines: 3 });
    stage.add(performance.now() - lostAt > leastMs ? 'later' : 'at once');
  };
}

export const retryScenarios: readonly Scenario[] = [
  {
    rules: [26, 44],
    name: 'a reconnection time is decimal, with zeros before it too',
    wpt: ['format-field-retry'],
    server: [[STREAM, 'retry: 01500\n', END], RECOVERY],
    // Read as octal it would be 832 ms.
    client: waitedLongerThan(1_200),
    log: ['open 1', 'error 0', 'open 1', 'later'],
    requests: [{}, {}],
  },
  {
    rules: [26, 44],
    name: 'a reconnection time that is no number does not shorten the one before it',
    wpt: ['format-field-retry-bogus'],
    server: [[STREAM, 'retry: 1500\nretry: 100x\n', END], RECOVERY],
    client: waitedLongerThan(1_200),
    log: ['open 1', 'error 0', 'open 1', 'later'],
    requests: [{}, {}],
  },
  {
    rules: [26, 44],
    name: 'a reconnection time that is no number does not lengthen the one before it',
    wpt: ['format-field-retry-bogus-2'],
    server: [[STREAM, 'retry: 100\nretry: 3600000x\n', END], RECOVERY],
    client: listen(4),
    log: ['open 1', 'error 0', ...RECOVERED],
    requests: [{}, {}],
  },
  {
    rules: [26, 44],
    name: 'an empty reconnection time changes nothing',
    wpt: ['format-field-retry-empty'],
    server: [[STREAM, 'retry: 100\nretry\nretry:\ndata: a\n\n', END], RECOVERY],
    client: listen(5),
    log: ['open 1', 'message 1 "a" "" {origin}', 'error 0', ...RECOVERED],
    requests: [{}, {}],
  },
  {
    rules: [44],
    name: 'a reconnection time that no timer holds does not lead to a reconnect at once',
    server: [[STREAM, 'retry: 99999999999\n\n', END], RECOVERY],
    client: async (stage) => {
      void listen(9)(stage);
      await stage.received(1);
      await pass(500);
    },
    log: ['open 1', 'error 0'],
    requests: [{}],
  },
  {
    rules: [44],
    name: 'a reconnection time of twenty digits does not lead to a reconnect at once',
    server: [[STREAM, 'retry: 18446744073709551616\n\n', END], RECOVERY],
    client: async (stage) => {
      void listen(9)(stage);
      await stage.received(1);
      await pass(500);
    },
    log: ['open 1', 'error 0'],
    requests: [{}],
    departures: [
      {
        who: ['Firefox'],
        why: 'it takes the number for a small one, and waits its least time of half a second, which ends at about the same time as this',
        orLogs: [
          ['open 1', 'error 0', 'open 1'],
          ['open 1', 'error 0', ...RECOVERED],
        ],
        anyRequests: true,
      },
    ],
  },
  {
    rules: [44, 26],
    name: 'after a reconnection time of 0 there is a wait all the same',
    server: [[STREAM, 'retry: 0\n', END], RECOVERY],
    // Half of what we wait, because browsers blur the clock.
    client: waitedLongerThan(50),
    log: ['open 1', 'error 0', 'open 1', 'later'],
    requests: [{}, {}],
    departures: [
      {
        who: ['Chromium'],
        why: 'it has no least time, so only a busy machine makes it late',
        log: ['open 1', 'error 0', 'open 1', 'at once'],
        orLogs: [['open 1', 'error 0', 'open 1', 'later']],
      },
    ],
  },
];
