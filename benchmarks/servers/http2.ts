// As little as node:http2 can do: the head of an event stream and one comment.

import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { makeCertificate } from '../parts/certificate.ts';
import { obey } from './commands.ts';

setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--no-parallel-scavenge');
const sessions = new Set<ServerHttp2Session>();
const server = createSecureServer({ ...makeCertificate(), settings: { maxConcurrentStreams: 250 } });
server.on('session', (session) => {
  sessions.add(session);
  session.once('close', () => sessions.delete(session));
});
server.on('stream', (stream) => {
  stream.on('error', () => {});
  stream.respond({ ':status': 200, 'Content-Type': 'text/event-stream' });
  stream.write(':\n\n');
});
await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 65_535 }), 'listening');
console.log((server.address() as AddressInfo).port);
await obey({});
server.close();
for (const session of sessions) session.destroy();
