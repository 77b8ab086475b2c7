import { eventStream } from '@tidings/server';
import { createInterface } from 'node:readline';
import { ConformanceApp, optionsOfNode } from './conformance-app.ts';

/** What is needed of Bun and Deno here. */
interface OtherRuntimes {
  readonly Bun?: { serve(options: object): { readonly port: number } };
  readonly Deno?: { serve(options: object, handler: (request: Request) => Promise<Response>): unknown };
}

const tell = (fact: string): void => console.log(fact);
const app = new ConformanceApp(tell);
process.on('unhandledRejection', (reason) => tell(`unhandled ${String(reason)}`));
createInterface({ input: process.stdin }).on('line', (line) => app.command(line));

async function answer(request: Request): Promise<Response> {
  try {
    if (request.method === 'POST') await request.text();
    return await app.answer<Response | Promise<Response>>(request.url, {
      eventStream: (source, options) => eventStream(request, source, options),
      respond: (channel) => channel.respond(request),
    });
  } catch {
    return new Response(null, { status: 500 });
  }
}

const { Bun, Deno } = globalThis as OtherRuntimes;
if (Bun) tell(`port ${Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answer }).port}`);
else if (Deno) {
  const onListen = ({ port }: { port: number }): void => tell(`port ${port}`);
  Deno.serve({ port: 0, hostname: '127.0.0.1', onListen }, answer);
} else {
  const node = await import('@tidings/server/node');
  const { createServer } = process.argv[2] === 'streams' ? node : await import('node:http');
  const server = createServer((request, response) => {
    app
      .answer(request.url ?? '/', {
        eventStream: (source, options) => node.eventStream(request, response, source, optionsOfNode(options)),
        respond: (channel) => node.respond(channel, request, response),
      })
      .catch(() => {
        if (!response.headersSent) response.writeHead(500).end();
      });
  });
  server.listen(0, '127.0.0.1', () => tell(`port ${(server.address() as { port: number }).port}`));
}
