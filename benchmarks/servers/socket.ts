// As little as Node can do: the same bytes to every socket of net, no HTTP but for a fixed head. The argument is the data of the events.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { obey } from './commands.ts';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:\n\n\r\n';

const data = process.argv[2] ?? '';
const listeners = new Set<Socket>();
let seq = 0;
const server = createServer({ noDelay: true }, (socket) => {
  socket.once('data', () => {
    socket.write(HEAD);
    listeners.add(socket);
  });
  socket.once('close', () => listeners.delete(socket));
});
await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 65_535 }), 'listening');
console.log((server.address() as AddressInfo).port);
await obey({
  publish(count, text = data) {
    let frames = '';
    for (let i = 0; i < Number(count); i += 1) {
      seq += 1;
      frames += `id: socket00.${seq}\ndata: ${text}\n\n`;
    }
    const chunk = Buffer.from(`${Buffer.byteLength(frames).toString(16)}\r\n${frames}\r\n`);
    for (const socket of listeners) socket.write(chunk);
  },
});
server.close();
for (const socket of listeners) socket.destroy();
