import { Hub, MemoryLog } from '@tidings/hub';
import { Channel } from '@tidings/server';
import { describe, expect, onTestFinished, test } from 'vitest';

const ORIGIN = 'https://app.example';

/** What a hub and a channel with the same allowlist answer, and the header fields of it that are for pages. */
async function both(method: string, headers: Record<string, string>): Promise<unknown[]> {
  const hub = new Hub({
    log: new MemoryLog(),
    anonymous: 'all',
    allowedOrigins: [ORIGIN],
    limits: { maxListeners: 1 },
  });
  onTestFinished(() => hub.close());
  const channel = new Channel({ cors: { origins: [ORIGIN], credentials: true }, maxListeners: 1 });
  const answers = [];
  for (const ask of [(request: Request) => hub.fetch(request), (request: Request) => channel.respond(request)]) {
    for (let n = 0; n < 2; n += 1) {
      const answer = await ask(new Request('http://localhost/topics/a', { method, headers }));
      const fields = [...answer.headers].filter(([name]) =>
        /^access-control-(?!allow-methods)|^vary$|^retry-after$/.test(name),
      );
      answers.push([answer.status, fields]);
    }
  }
  return answers;
}

describe('a hub and a channel answer pages alike', () => {
  const PREFLIGHT = { 'access-control-request-method': 'GET' };
  test.each<[string, Record<string, string>]>([
    ['GET', {}],
    ['GET', { origin: ORIGIN }],
    ['GET', { origin: 'https://evil.example' }],
    ['OPTIONS', {}],
    ['OPTIONS', { origin: ORIGIN }],
    ['OPTIONS', { origin: 'https://evil.example' }],
    ['OPTIONS', PREFLIGHT],
    ['OPTIONS', { ...PREFLIGHT, origin: ORIGIN, 'access-control-request-headers': 'last-event-id,hx-request' }],
    ['OPTIONS', { ...PREFLIGHT, origin: 'https://evil.example' }],
    ['OPTIONS', { ...PREFLIGHT, origin: 'null' }],
    ['PATCH', { origin: ORIGIN }],
  ])('%s with %o', async (method, headers) => {
    const [hub, hubAgain, channel, channelAgain] = await both(method, headers);
    expect([hub, hubAgain]).toEqual([channel, channelAgain]);
  });
});
