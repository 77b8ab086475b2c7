import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Client } from './client.ts';
import { type Row, verdict } from './row.ts';
import { type Answer, refuse, response, ScriptedServer, stream } from './scripted-server.ts';
import { pause, Session, until } from './session.ts';

/** The longest time until a client reconnects that was told to wait 100 ms, in milliseconds. */
const SOON_MS = 2_000;

/** The `Last-Event-ID` of the request after a stream that broke, `''` without one, `undefined` where none followed. */
async function sentId(client: Client, pieces: readonly string[]): Promise<string | undefined> {
  using session = await Session.start(client, [stream(['retry: 100\n\n', ...pieces], 'reset'), stream([])]);
  if (!(await session.asks(2))) return undefined;
  const sent = session.requests[1]?.headers['last-event-id'] ?? '';
  return Buffer.from(sent, 'latin1').toString();
}

function sends(title: string, pieces: readonly string[], id: string): Row {
  return {
    title,
    check: async (client) => {
      const sent = await sentId(client, pieces);
      return sent === undefined ? 'does not reconnect' : verdict(sent === id);
    },
  };
}

/** Where the listener is, over reconnects. */
export const IDS: readonly Row[] = [
  sends('the last id is sent as `Last-Event-ID`', ['id: 1\ndata: a\n\n'], '1'),
  sends('it stays after an event without an id', ['id: 1\ndata: a\n\ndata: b\n\n'], '1'),
  sends('a block with nothing but an id counts', ['id: 1\ndata: a\n\nid: 2\n\n'], '2'),
  sends('an id counts only from its blank line on', ['id: 1\ndata: a\n\nid: 2\ndata: b\n'], '1'),
  sends('an id with NUL is ignored', ['id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n'], '1'),
  sends('an `id` without a value clears it', ['id: 1\ndata: a\n\nid:\ndata: b\n\n'], ''),
  sends('also if it has no colon', ['id: 1\ndata: a\n\nid\ndata: b\n\n'], ''),
  sends('an id that is not ASCII is sent as its UTF-8 bytes', ['id: ü☃\ndata: a\n\n'], 'ü☃'),
  {
    title: 'an id that no header can carry does not end it',
    check: async (client) => verdict((await sentId(client, ['id: a\u0001b\ndata: a\n\n'])) !== undefined),
  },
  {
    title: 'the id is sent after the second break, too',
    check: async (client) => {
      const first = stream(['retry: 100\n\n', 'id: 1\ndata: a\n\n'], 'reset');
      using session = await Session.start(client, [first, stream(['data: b\n\n'], 'reset'), stream([])]);
      return verdict((await session.asks(3)) && session.requests[2]?.headers['last-event-id'] === '1');
    },
  },
  {
    title: 'an event that a break left unfinished is discarded',
    check: async (client) => {
      const first = stream(['retry: 100\ndata: a\n\n', 'data: half\n'], 'reset');
      using session = await Session.start(client, [first, stream(['data: b\n\n'])]);
      return verdict((await session.asks(2)) && (await session.hears('b')) && session.heard.length === 2);
    },
  },
];

/** Whether a client reconnects after an answer, having been told before to wait 100 ms. */
async function asksAgain(client: Client, answer: Answer, ms = SOON_MS): Promise<number | undefined> {
  using session = await Session.start(client, [stream(['retry: 100\n\ndata: a\n\n'], 'reset'), answer, stream([])]);
  if (!(await session.asks(2))) return undefined;
  await session.asks(3, ms);
  const [, second, third] = session.requests;
  return second && third ? third.at - second.at : Infinity;
}

function stopsAt(title: string, answer: Answer): Row {
  return { title, check: async (client) => verdict((await asksAgain(client, answer)) === Infinity) };
}

/** The waits before each of the tries that follow a connection that broke, in milliseconds. */
async function waits(client: Client, count: number): Promise<readonly number[]> {
  using session = await Session.start(client, [stream(['retry: 200\n\ndata: a\n\n'], 'reset'), refuse]);
  await session.asks(count + 2, 15_000);
  const times = session.requests.map(({ at }) => at);
  return times.slice(1).flatMap((at, index) => (index === 0 ? [] : [at - (times[index] ?? at)]));
}

/** Whether and when a client reconnects. */
export const RECONNECTING: readonly Row[] = [
  {
    title: 'reconnects when the connection breaks',
    check: async (client) => {
      using session = await Session.start(client, [stream(['retry: 100\ndata: a\n\n'], 'reset'), stream([])]);
      return verdict(await session.asks(2));
    },
  },
  {
    title: 'reconnects when the server ends the stream',
    check: async (client) => {
      using session = await Session.start(client, [stream(['retry: 100\ndata: a\n\n'], 'end'), stream([])]);
      return verdict(await session.asks(2));
    },
  },
  {
    title: 'waits as long as `retry` says, and ignores a value that is not digits',
    check: async (client) => {
      const pieces = ['retry: 1500\nretry: 1e1\nretry: 10x\nretry: -1\nretry:  10\nretry\n', 'data: a\n\n'];
      using session = await Session.start(client, [stream(pieces, 'reset'), stream([])]);
      await session.asks(1);
      await session.hears('a');
      await until(() => session.server.connections === 0, 1_000);
      const lost = performance.now();
      await session.asks(2, 4_000);
      const wait = (session.requests[1]?.at ?? Infinity) - lost;
      return verdict(wait > 1_350 && wait < 1_850);
    },
  },
  {
    title: 'does not reconnect at once after `retry: 99999999999`',
    check: async (client) => {
      using session = await Session.start(client, [stream(['retry: 99999999999\n\ndata: a\n\n'], 'reset'), stream([])]);
      const hasRead = await session.hears('a');
      return verdict(hasRead && !(await session.asks(2, 1_000)));
    },
  },
  {
    title: 'waits longer with each failure in a row',
    check: async (client) => {
      const [first = 0, ...others] = await waits(client, 5);
      return verdict(others.length > 2 && Math.max(...others) > 2 * first);
    },
  },
  {
    title: 'and the wait is random',
    check: async (client) => {
      const [some, others] = await Promise.all([waits(client, 5), waits(client, 5)]);
      const differences = some.map((wait, index) => Math.abs(wait - (others[index] ?? wait)));
      return verdict(Math.max(...differences) > 100);
    },
  },
  stopsAt('stops at status 204', response('204 No Content')),
  stopsAt('stops at status 404', response('404 Not Found')),
  {
    title: 'tries again after status 503',
    check: async (client) => verdict(((await asksAgain(client, response('503 Busy'))) ?? Infinity) < Infinity),
  },
  {
    title: 'and not before its `Retry-After`',
    check: async (client) => {
      const wait = await asksAgain(client, response('503 Busy', ['retry-after: 2']), 5_000);
      if (wait === undefined || wait === Infinity) return undefined;
      return verdict(wait >= 1_950);
    },
  },
  {
    title: 'refuses the content type `text/event-streamx`',
    check: async (client) => {
      const wrong = response('200 OK', ['content-type: text/event-streamx'], 'data: wrong\n\n');
      using session = await Session.start(client, [wrong]);
      return verdict(!(await session.hears('wrong', 1_000)));
    },
  },
  {
    title: 'after a 302 it reconnects to',
    check: async (client) => {
      const moved = response('302 Found', ['location: /moved']);
      const broken = stream(['retry: 100\ndata: a\n\n'], 'reset');
      using session = await Session.start(client, [moved, broken, stream([])]);
      if (!(await session.asks(3))) return 'nowhere';
      return session.requests[2]?.path === '/moved' ? 'the target' : 'the first URL';
    },
  },
  {
    title: 'an exception of a handler does not affect the stream',
    check: async (client) => {
      if (!client.calls) return undefined;
      const handler = ({ data }: { data: string }): void => {
        if (data === 'a') throw new Error('thrown by a handler, as the check wants it');
      };
      const pieces = ['retry: 100\n\n', 'data: a\n\ndata: b\n\n', 'data: c\n\n'];
      using session = await Session.start(client, [stream(pieces)], { handler });
      await session.hears('c', 1_000);
      const heard = session.heard.map(({ data }) => data).join(' ');
      return verdict(heard === 'a b c' && session.requests.length === 1);
    },
  },
  {
    title: 'closed in a handler, it delivers no more of the events that have arrived',
    check: async (client) => {
      if (!client.calls) return undefined;
      const session = await Session.start(client, [stream(['data: a\n\ndata: b\n\n'])], {
        handler: () => session.end(),
      });
      await session.hears('a');
      await pause(200);
      session[Symbol.dispose]();
      return verdict(session.heard.length === 1);
    },
  },
  {
    title: 'keeps a Node process alive while it waits',
    check: async (client) => {
      const server = await ScriptedServer.listen(stream(['retry: 1000\ndata: a\n\n'], 'reset'), stream([]));
      const script = join(import.meta.dirname, 'listen.ts');
      const child = spawn(process.execPath, [script, client.title, server.url], { stdio: 'ignore' });
      const hasAsked = await until(() => server.requests.length > 1 || child.exitCode !== null, 10_000);
      const isAlive = hasAsked && child.exitCode === null;
      if (isAlive && child.kill('SIGKILL')) await once(child, 'exit');
      server.close();
      return verdict(isAlive);
    },
  },
];
