import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { closeServer } from '../src/serve/closing.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** A server that answers every request, and a connection that it has accepted. */
async function connected(): Promise<{ server: Server; client: Socket }> {
  const server = createServer((_request, response) => response.end('answered')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  await accepted;
  return { server, client };
}

test.each(['has not been used', 'is kept for the next request'])(
  'a request that is on its way when the server closes is answered, on a connection that %s',
  async (state) => {
    const { server, client } = await connected();
    if (state === 'is kept for the next request') {
      client.write(REQUEST);
      await once(client, 'data');
    }
    const { closed } = closeServer(server);
    client.write(REQUEST);
    const answer = await text(client);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n(.+\r\n)*Connection: close\r\n/);
    expect(answer).toContain('answered');
    await closed;
  },
);

test('connections without a request do not keep the server open', async () => {
  const { server, client } = await connected();
  client.write(REQUEST);
  await once(client, 'data');
  const ended = text(client);
  const { idle, closed } = closeServer(server);
  await Promise.all([idle, closed]);
  expect(await ended).toBe('');
});
