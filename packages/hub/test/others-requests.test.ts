import { Hub, MemoryLog } from '@tidings/hub';
import { Channel } from '@tidings/server';
import { describe, expect, onTestFinished, test } from 'vitest';

const ORIGIN = 'https://app.example';

/** The status and header fields with which a hub and a channel answer a request for a stream. */
async function both(query: string, init: RequestInit): Promise<{ status: number; headers: Headers }[]> {
  const hub = new Hub({ log: new MemoryLog(), anonymous: 'listen', allowedOrigins: [ORIGIN] });
  onTestFinished(() => hub.close({ windowMs: 0 }));
  const channel = new Channel({ cors: { origins: [ORIGIN] } });
  const request = (): Request => new Request(`http://localhost/topics/a${query}`, init);
  const answers = await Promise.all([hub.fetch(request()), channel.respond(request())]);
  return Promise.all(
    answers.map(async ({ status, headers, body }) => {
      await body?.cancel();
      return { status, headers };
    }),
  );
}

describe('what clients of others add to a request by themselves', () => {
  test.each([
    ['datastar', '?datastar=%7B%22a%22%3A1%7D'],
    ['jQuery', '?_=1764412800000'],
    ['htmx', '?org.htmx.cache-buster=true'],
    ['event-source-polyfill', '?lastEventId=earliest&padding=true'],
    ['eventsource-polyfill', '?evs_last_event_id=earliest&evs_preamble=2056&evs_buffer_size_limit=262144'],
    ['ExtJS', '?_dc=1764412800000'],
    ['Angular', '?ngsw-bypass=true'],
    ['pages', '?cacheBust=1&_t=2&ts=3&no_cache=4'],
  ])('is no reason to refuse it: the parameters of %s', async (_, query) => {
    const answers = await both(query, {});
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  test.each([
    [
      'htmx',
      'hx-boosted,hx-current-url,hx-prompt,hx-request,hx-request-type,hx-source,hx-target,hx-trigger,hx-trigger-name',
    ],
    ['datastar', 'datastar-request'],
    ['event-source-polyfill', 'cache-control,last-event-id,x-requested-with'],
  ])('passes the preflight: the header fields of %s', async (_, fields) => {
    const headers = {
      origin: ORIGIN,
      'access-control-request-method': 'GET',
      'access-control-request-headers': fields,
    };
    for (const answer of await both('', { method: 'OPTIONS', headers })) {
      expect(answer.status).toBe(204);
      expect(answer.headers.get('access-control-allow-headers')).toBe(fields);
    }
  });

  test('does not hide a misspelled parameter', async () => {
    const [hub] = await both('?lasteventid=1&_=2', {});
    expect(hub?.status).toBe(400);
  });
});
