import { expect, test } from 'vitest';
import { describeConnection, FIRST_CONNECTION, nextConnection } from '../src/connection.ts';
import type { Connection, ConnectionInput } from '../src/connection.ts';

const NOW = Date.UTC(2026, 0, 1);
const OPEN: ConnectionInput = { kind: 'open', now: NOW };
const WAITING: ConnectionInput = { kind: 'waiting', retryAt: NOW + 3200, status: undefined };
const CONNECTING: ConnectionInput = { kind: 'connecting' };

function after(...inputs: ConnectionInput[]): Connection {
  return inputs.reduce(nextConnection, FIRST_CONNECTION);
}

function said(connection: Connection): string {
  const { text, seconds } = describeConnection(connection, NOW);
  return seconds === undefined ? text : `${text} in ${seconds} s`;
}

const closed = (status: number | undefined, reason: string | undefined): ConnectionInput => ({
  kind: 'closed',
  status,
  reason,
});

test.each<[string, ConnectionInput[], string]>([
  ['says that it is connecting', [], 'Connecting…'],
  ['says that it is connected', [OPEN], 'Connected'],
  ['says when it tries again', [OPEN, WAITING], 'The hub cannot be reached. Trying again in 4 s'],
  ['says so of a hub that never answered, too', [WAITING], 'The hub cannot be reached. Trying again in 4 s'],
  [
    'keeps saying that the hub is away while it tries',
    [OPEN, WAITING, CONNECTING],
    'The hub cannot be reached. Trying again…',
  ],
  ['says that it is back', [OPEN, WAITING, CONNECTING, OPEN], 'Reconnected'],
  ['says what it caught up', [OPEN, WAITING, OPEN, { kind: 'caught-up', events: 1 }], 'Reconnected, 1 event caught up'],
  [
    'adds up what it caught up',
    [OPEN, WAITING, OPEN, { kind: 'caught-up', events: 1000 }, { kind: 'caught-up', events: 234 }],
    'Reconnected, 1,234 events caught up',
  ],
  ['stops saying that it is back', [OPEN, WAITING, OPEN, { kind: 'note-shown' }], 'Connected'],
  ['takes the first connection for no return', [WAITING, CONNECTING, OPEN], 'Connected'],
  [
    'names the status of a hub that answers',
    [{ kind: 'waiting', retryAt: NOW + 900, status: 503 }],
    'The hub answered 503. Trying again in 1 s',
  ],
  ['asks for a key', [closed(401, 'status 401')], 'This hub asks for a key or token.'],
  ['says why the hub refused', [closed(400, 'status 400')], 'The hub refused this: status 400'],
  ['says that the topic is closed', [OPEN, closed(undefined, undefined)], 'This topic is closed'],
  [
    'says that the stream has ended',
    [OPEN, { kind: 'waiting', retryAt: undefined, status: undefined, ended: true }],
    'The hub has ended this stream. Trying again…',
  ],
])('the connection %s', (_, inputs, expected) => {
  expect(said(after(...inputs))).toBe(expected);
});

test('what is caught up counts only after a return', () => {
  expect(after(OPEN, { kind: 'caught-up', events: 3 }).caughtUp).toBe(0);
});

test('a second loss begins to count anew', () => {
  const twice = after(OPEN, WAITING, OPEN, { kind: 'caught-up', events: 3 }, WAITING, OPEN);
  expect(twice.caughtUp).toBe(0);
  expect(said(twice)).toBe('Reconnected');
});

test('the wait never shows less than nothing', () => {
  expect(describeConnection(after(WAITING), NOW + 10_000).seconds).toBe(0);
});
