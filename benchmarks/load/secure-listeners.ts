// Listeners over TLS in a process of their own. The arguments are the port, the path, the protocol (h2 or http/1.1), the number of connections and
// that of streams on each. Prints `connected` when each stream has had its first bytes.

import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { obey } from '../servers/commands.ts';

const [port = '', path = '', protocol = '', connections = '', streams = ''] = process.argv.slice(2);
// How many connections may be on their way in at once.
const WINDOW = 20;

const open: (ClientHttp2Session | TLSSocket)[] = [];

async function http2(): Promise<void> {
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on('error', fail);
  open.push(session);
  await once(session, 'remoteSettings');
  const first = Array.from({ length: Number(streams) }, async () => {
    const stream = session.request({ ':path': path });
    stream.on('error', fail);
    await once(stream, 'data');
  });
  await Promise.all(first);
}

async function http1(): Promise<void> {
  const socket = connectTls({
    port: Number(port),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  socket.on('error', fail);
  open.push(socket);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  await once(socket, 'data');
}

function fail(error: Error): never {
  console.error(error.message);
  process.exit(1);
}

let left = Number(connections);
const comers = Array.from({ length: WINDOW }, async () => {
  while (left > 0) {
    left -= 1;
    await (protocol === 'h2' ? http2() : http1());
  }
});
await Promise.all(comers);
console.log('connected');
await obey({});
for (const one of open)
  one
    .removeAllListeners('error')
    .on('error', () => {})
    .destroy();
