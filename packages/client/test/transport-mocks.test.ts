import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { EventSource, subscribe, type EventSubscription } from '@tidings/client';
import { http as intercept, HttpResponse } from 'msw';
import { setupServer } from 'msw/node';
import nock from 'nock';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';

/** A host that is never reached, because all of its requests are mocked. */
const ORIGIN = 'http://mocked.invalid';
const HEAD = { 'content-type': 'text/event-stream' };

async function dataOf(subscription: EventSubscription): Promise<string[]> {
  const data = [];
  for await (const event of subscription) data.push(event.data);
  return data;
}

describe('MSW', () => {
  const server = setupServer();
  afterEach(() => server.close());

  test('answers requests', async () => {
    server.listen({ onUnhandledRequest: 'error' });
    server.use(
      intercept.post(`${ORIGIN}/answers`, async ({ request }) => {
        const body = `data: ${await request.text()} ${request.headers.get('x-key')}\n\n`;
        return new HttpResponse(body, { headers: HEAD });
      }),
    );
    const options = { method: 'POST', body: 'question', headers: { 'x-key': '1' } };
    expect(await dataOf(subscribe(`${ORIGIN}/answers`, options))).toEqual(['question 1']);
  });

  test('answers with a stream', async () => {
    server.listen({ onUnhandledRequest: 'error' });
    let send: (text: string) => void = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        send = (text) => controller.enqueue(new TextEncoder().encode(text));
      },
    });
    server.use(intercept.get(`${ORIGIN}/stream`, () => new HttpResponse(body, { headers: HEAD })));
    send('data: 1\n\n');
    const source = new EventSource(`${ORIGIN}/stream`);
    onTestFinished(() => source.close());
    expect(await once(source, 'message')).toMatchObject([{ data: '1' }]);
    send('data: 2\n\n');
    expect(await once(source, 'message')).toMatchObject([{ data: '2' }]);
  });

  test('refuses, and its reason is told', async () => {
    server.listen({ onUnhandledRequest: 'error' });
    server.use(intercept.get(`${ORIGIN}/stream`, () => HttpResponse.json({ detail: 'no' }, { status: 403 })));
    await expect(dataOf(subscribe(`${ORIGIN}/stream`))).rejects.toMatchObject({ status: 403, body: '{"detail":"no"}' });
  });
});

describe('nock', () => {
  afterEach(() => {
    nock.cleanAll();
    nock.restore();
  });

  test('answers requests', async () => {
    if (!nock.isActive()) nock.activate();
    nock(ORIGIN, { reqheaders: { accept: 'text/event-stream' } })
      .post('/answers', 'question')
      .reply(200, 'data: answer\n\n', HEAD);
    expect(await dataOf(subscribe(`${ORIGIN}/answers`, { method: 'POST', body: 'question' }))).toEqual(['answer']);
  });
});

describe('what replaces http.request', () => {
  test('after the client was loaded is called, and need not be a request of Node', async () => {
    const { request } = http;
    onTestFinished(() => {
      http.request = request;
    });
    http.request = (() => {
      const message = Object.assign(new PassThrough(), {
        statusCode: 200,
        headers: HEAD,
        rawHeaders: Object.entries(HEAD).flat(),
      });
      return Object.assign(new EventEmitter(), {
        end(this: EventEmitter) {
          this.emit('response', message);
          message.end('data: stub\n\n');
        },
        destroy() {},
      });
    }) as unknown as typeof request;
    expect(await dataOf(subscribe(`${ORIGIN}/`, { retry: { maxAttempts: 1 } }))).toEqual(['stub']);
  });

  test('such as a global agent of somebody else, makes the connections', async () => {
    const server = http.createServer((_request, response) => response.writeHead(200, HEAD).end('data: here\n\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { globalAgent } = http;
    onTestFinished(() => {
      http.globalAgent = globalAgent;
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const names: unknown[] = [];
    class OwnAgent extends http.Agent {
      override createConnection(...[options]: Parameters<http.Agent['createConnection']>) {
        names.push(options.host);
        return super.createConnection({ ...options, host: '127.0.0.1', port });
      }
    }
    http.globalAgent = new OwnAgent();
    expect(await dataOf(subscribe(`${ORIGIN}/`, { retry: { maxAttempts: 1 } }))).toEqual(['here']);
    expect(names).toEqual(['mocked.invalid']);
  });
});
