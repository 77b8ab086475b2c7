import { join } from 'node:path';
import { chat } from './chat/server.ts';
import { clock } from './clock/server.ts';
import { jobs } from './jobs/server.ts';
import { ping } from './ping/server.ts';
import { reconnect } from './reconnect/server.ts';
import { sendMessage } from './send-message/server.ts';
import { makeCertificate } from './site/certificate.ts';
import type { Answer } from './site/example.ts';
import { bundlePage } from './site/bundle.ts';
import { reply } from './site/reply.ts';
import { pathOf, portAsked, serve, serveSecure } from './site/serve.ts';
import { nothingHere, pageAnswer, Site } from './site/site.ts';
import { startStop } from './start-stop/server.ts';

const asked = portAsked(4100, 'the examples, which are all served at once');
const sites = new Map<string, Site>();
for (const example of [clock, startStop, reconnect, sendMessage, ping, jobs, chat]) {
  sites.set(example.name, await Site.make(example, `/${example.name}/`));
}
const index = await bundlePage(join(import.meta.dirname, 'index.html'), '/');
// It leads from each address to the other one, so it is made anew when both are known.
let indexAnswer: Answer = pageAnswer(index);

const answer: Answer = (request, response) => {
  const path = pathOf(request);
  if (path === '/') return indexAnswer(request, response);
  const [, name = '', rest] = /^\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
  const site = sites.get(name);
  if (!site) return nothingHere(request, response);
  if (rest === undefined) return reply(response, 308, '', { Location: `/${name}/` });
  return site.answer(rest, request, response);
};

const port = await serve(answer, asked);
const certificate = await makeCertificate();
// With port 0 it takes any two ports.
const securePort = certificate && (await serveSecure(answer, certificate, asked === 0 ? 0 : port + 1));

process.stdout.write(`The examples are on http://127.0.0.1:${port}/\n`);
if (securePort === undefined) {
  process.stdout.write('Without the program openssl there is no certificate, and so no HTTP/2\n');
} else {
  process.stdout.write(`and over HTTP/2 on https://127.0.0.1:${securePort}/ (its certificate is signed by itself)\n`);
}
indexAnswer = pageAnswer(withAddresses(index, port, securePort));

/** The index page with what it says of its addresses filled in. */
function withAddresses(html: string, plain: number, secure: number | undefined): string {
  return html.replace('data-addresses=""', `data-plain-port="${plain}" data-secure-port="${secure ?? ''}"`);
}
