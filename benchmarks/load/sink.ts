// The same as sink.c, which describes it, for machines that cannot compile that. It takes more processor time, and can do no more
// than to count events.

import { connect, type Socket } from 'node:net';
import { obey } from '../servers/commands.ts';

interface Listener {
  readonly socket: Socket;
  events: number;
  bytes: number;
  bytesBefore: number;
}

const LAST_BYTE = '~'.charCodeAt(0);
const listeners: Listener[] = [];
let answered = 0;
let expected = 0;
let behind = 0;
let headers = '';
let openMore = (): void => {};

function take(listener: Listener, chunk: Buffer): void {
  if (listener.bytes === 0) {
    if (!chunk.toString('latin1', 0, 12).startsWith('HTTP/1.1 200'))
      fail(`a listener was answered ${chunk.toString('utf8', 0, 300)}`);
    answered += 1;
    openMore();
  }
  listener.bytes += chunk.length;
  const before = listener.events;
  for (let at = chunk.indexOf(LAST_BYTE); at !== -1; at = chunk.indexOf(LAST_BYTE, at + 1)) listener.events += 1;
  if (before >= expected || listener.events < expected) return;
  behind -= 1;
  if (behind === 0) tellGot();
}

function tellGot(): void {
  const wrong = listeners.find(({ events }) => events !== expected);
  if (wrong) fail(`a listener got ${wrong.events} events where ${expected} were published`);
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const listener of listeners) {
    const got = listener.bytes - listener.bytesBefore;
    listener.bytesBefore = listener.bytes;
    least = Math.min(least, got);
    most = Math.max(most, got);
  }
  console.log(`got ${least} ${most}`);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

await obey({
  connect(port, count, window, target) {
    const open = (): void => {
      const socket = connect(Number(port), '127.0.0.1');
      const listener: Listener = { socket, events: 0, bytes: 0, bytesBefore: 0 };
      listeners.push(listener);
      socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n${headers}\r\n`);
      socket.on('data', (chunk) => take(listener, chunk));
      socket.on('error', (error) => fail(error.message));
      socket.on('end', () => fail(`a listener was cut off after ${listener.events} events`));
    };
    openMore = () => {
      while (listeners.length < Number(count) && listeners.length - answered < Number(window)) open();
      if (answered === Number(count)) console.log('connected');
    };
    openMore();
  },
  header: (...words) => void (headers += `${words.join(' ')}\r\n`),
  expect(events) {
    expected += Number(events);
    behind = listeners.filter((listener) => listener.events < expected).length;
    if (behind === 0) tellGot();
  },
});
for (const { socket } of listeners) socket.removeAllListeners().destroy();
