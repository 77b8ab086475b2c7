// Sends events as fast as the socket takes them: bytes made beforehand, straight from node:net, one connection at a time. The path of
// the request names the stream, its framing and how many events: /deltas/chunked/100000. One more event says what they add up to.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { type Framing, LAST_ID, type StreamName, type Total } from '../parts/event-streams.ts';
import { frame, StreamBlock } from '../parts/stream-block.ts';
import { obey } from './commands.ts';

const blocks = new Map<string, StreamBlock>();

function blockOf(name: StreamName, framing: Framing): StreamBlock {
  const key = `${name}, ${framing}`;
  const block = blocks.get(key) ?? new StreamBlock(name, framing);
  blocks.set(key, block);
  return block;
}

async function answer(socket: Socket, path: string): Promise<void> {
  const [, name, framing, count] = path.split('/') as [string, StreamName, Framing, string];
  const coding = framing === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : '';
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${coding}Connection: close\r\n\r\n`);
  const block = blockOf(name, framing);
  const events = Number(count);
  let sum = 0;
  for (let sent = 0; sent < events && !socket.destroyed; sent += block.events) {
    const part = block.take(sent, Math.min(block.events, events - sent));
    sum += part.sum;
    await new Promise((resolve) => void socket.write(part.bytes, resolve));
  }
  const total: Total = { events, sum };
  socket.write(frame(`id: ${LAST_ID}\ndata: ${JSON.stringify(total)}\n\n`, framing));
  socket.end(framing === 'chunked' ? '0\r\n\r\n' : '');
}

const server = createServer({ noDelay: true }, (socket) => {
  // A client closes when it has the last event. If it left too early, it reports that itself.
  socket.on('error', () => {});
  // A request comes in one piece.
  socket.once('data', (request) => void answer(socket, request.toString('latin1').split(' ', 2)[1] ?? ''));
});
await once(server.listen({ port: 0, host: '127.0.0.1' }), 'listening');
console.log((server.address() as AddressInfo).port);
await obey({});
server.close();
