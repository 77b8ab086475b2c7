import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import type { NodeRequest, NodeResponse } from '@tidings/server/node';
import type { Certificate } from './certificate.ts';
import type { Answer, Example } from './example.ts';
import { reply } from './reply.ts';
import { Site } from './site.ts';

// Only this machine may reach an example, because the streams are readable by other origins.
const HOST = '127.0.0.1';

/** Serves one example at `/`, on `--port`, else on the environment's `PORT`, else on the port given. */
export async function serveAlone(example: Example, defaultPort: number): Promise<void> {
  const asked = portAsked(defaultPort, `the example ${example.name}`);
  const site = await Site.make(example, '/');
  const port = await serve((request, response) => site.answer(pathOf(request).slice(1), request, response), asked);
  process.stdout.write(`${example.name} is on http://${HOST}:${port}/\n`);
}

/** Answers on HTTP/1.1. Resolves to the port. */
export function serve(answer: Answer, port: number): Promise<number> {
  return listen(createServer(listener(answer)), port);
}

/** Answers on HTTP/2 and HTTP/1.1, both over TLS. Resolves to the port. */
export function serveSecure(answer: Answer, certificate: Certificate, port: number): Promise<number> {
  return listen(createSecureServer({ ...certificate, allowHTTP1: true }, listener(answer)), port);
}

/** The path of a request's target, without its query. */
export function pathOf(request: NodeRequest): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

/** The port of the command line or environment. Ends the process if it is not valid. @param what is started */
export function portAsked(otherwise: number, what: string): number {
  const text = portOption(what) ?? process.env['PORT'] ?? String(otherwise);
  const port = Number(text);
  if (/^\d+$/.test(text) && port < 65_536) return port;
  return fail(`Cannot listen on port ${JSON.stringify(text)}: it must be a number from 0 to 65535`);
}

function portOption(what: string): string | undefined {
  const options = { port: { type: 'string' } } as const;
  const { values, tokens } = parseArgs({ options, allowPositionals: true, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'option' && token.name === 'port') continue;
    const found = token.kind === 'positional' ? JSON.stringify(token.value) : process.argv[token.index + 2];
    return fail(`Cannot start ${what}: found ${found}; allowed is --port NUMBER`);
  }
  if (typeof values.port === 'boolean') return fail(`Cannot start ${what}: --port has no number behind it`);
  return values.port;
}

async function listen(server: Server | Http2SecureServer, port: number): Promise<number> {
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
  } catch (error) {
    return fail(`Cannot listen on port ${port}: ${messageOf(error)}. Choose another with --port NUMBER`);
  }
  return (server.address() as AddressInfo).port;
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function listener(answer: Answer): RequestListener & ((request: NodeRequest, response: NodeResponse) => void) {
  const answerOrTell = async (request: NodeRequest, response: NodeResponse): Promise<void> => {
    try {
      await answer(request, response);
    } catch (error) {
      process.stderr.write(
        `${request.method} ${request.url}: ${error instanceof Error ? error.stack : String(error)}\n`,
      );
      if (!response.headersSent) reply(response, 500, 'Something went wrong here.\n');
    }
  };
  return (request: NodeRequest, response: NodeResponse) => void answerOrTell(request, response);
}
