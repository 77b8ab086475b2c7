import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { EventSource } from '@tidings/client';
import { describe, expect, test } from 'vitest';
import { InstalledClient } from './installed-client.ts';
import { runProgram } from './program.ts';
import { runtimes } from '../../../test/runtimes.ts';
import { ScriptedServer, STREAM_HEAD } from './scripted-server.ts';

/*
 * Measured once with a stream that was silent for 400 s: the fetch of Node 24 cut it after 301 s, that of Bun 1.4 after 360 s
 * unless told not to, that of Deno 2.9 not at all, and node:http not at all. Here the limits are short, or looked at.
 */
describe('silence is no fault of a stream', () => {
  test('on Node, where its socket has no timeout although the agent has one', async () => {
    const agent = http.globalAgent as http.Agent & { options: { timeout?: number } };
    const createConnection = agent.createConnection;
    const sockets: (Socket & { timeout?: number })[] = [];
    agent.createConnection = (...parameters) => {
      const socket = createConnection.apply(agent, parameters) as Socket;
      sockets.push(socket);
      return socket;
    };
    try {
      await using server = await ScriptedServer.listen([[STREAM_HEAD, 'data: a\n\n']]);
      const source = new EventSource(server.origin);
      await once(source, 'message');
      expect(agent.options).toMatchObject({ timeout: 5_000 });
      expect(sockets.map(({ timeout }) => timeout)).toEqual([0]);
      source.close();
    } finally {
      agent.createConnection = createConnection;
    }
  });

  const bun = runtimes.find(({ kind }) => kind === 'bun')!;
  test.skipIf(bun.missing)('on Bun, where a stream outlives a request that Bun cuts', async () => {
    using installed = new InstalledClient();
    let stream: http.ServerResponse | undefined;
    const server = http.createServer((request, response) => {
      if (request.url === '/go') stream?.write('data: after\n\n');
      if (request.url === '/stream') stream = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(request.url === '/go' ? '' : 'data: before\n\n');
      if (request.url === '/go') response.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const program = `
      import { EventSource } from '@tidings/client';
      const source = new EventSource(args[0] + '/stream');
      source.onerror = ({ message }) => console.log(message);
      source.onmessage = async ({ data }) => {
        console.log(data);
        if (data === 'after') return source.close();
        await fetch(args[0] + '/other').then((response) => response.text()).catch(({ name }) => console.log('fetch:', name));
        await fetch(args[0] + '/go');
      };`;
    const env = { BUN_CONFIG_HTTP_IDLE_TIMEOUT: '1' };
    const { lines } = await runProgram(bun, installed, program, { args: [url], env });
    expect(lines).toEqual(['before', 'fetch: TimeoutError', 'after']);
    server.close();
    server.closeAllConnections();
  });
});
