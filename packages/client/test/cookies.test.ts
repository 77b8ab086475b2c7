import { EventSource } from '@tidings/client';
import makeFetchCookie from 'fetch-cookie';
import { CookieJar } from 'tough-cookie';
import { describe, expect, test } from 'vitest';
import { program, RunningProgram, strictErrors } from '../../../test/program.ts';
import { head, ScriptedServer } from './scripted-server.ts';

const README = 'packages/client/README.md';
const END = { do: 'end' } as const;

function stream(headers: Record<string, string> = {}): string {
  return head(200, { 'Content-Type': 'text/event-stream', ...headers });
}

/** Lists the events of a source until it has a message with the data. */
async function eventsUntil(data: string, source: EventSource): Promise<readonly string[]> {
  const events: string[] = [];
  for (const type of ['open', 'error']) source.addEventListener(type, () => events.push(type));
  await new Promise<void>((resolve) => {
    source.addEventListener('message', (event) => {
      events.push(event.data);
      if (event.data === data) resolve();
    });
  });
  source.close();
  return events;
}

describe('with a cookie jar, outside of browsers', () => {
  test('the program of the README sends the cookie that it was given', async () => {
    await using server = await ScriptedServer.listen([
      [stream({ 'Set-Cookie': 'seen=1; Path=/' }), 'retry: 100\ndata: first\n\n', END],
      [stream(), 'data: second\n\n'],
    ]);
    const code = program(README, 'js', 'CookieJar').replace('http://127.0.0.1:3000', server.origin);
    const running = RunningProgram.node(code);
    await running.printed('first\nsecond\n');
    expect(server.requests.map(({ headers }) => headers['cookie'])).toEqual([undefined, 'seen=1']);
    await running.kill();
  });

  test('the program of the README is right to the strict compiler', async () => {
    expect(await strictErrors(program(README, 'js', 'CookieJar'))).toBe('');
  });

  // The subtests of the web platform's tests whose server tells requests apart by a cookie.
  test.each([
    ['request-credentials: enabled, eventsource-reconnect: test reconnection events', 'data: ok\n\n', ['ok']],
    ['eventsource-reconnect: 200, eventsource-cross-origin: redirect use recon', '', []],
  ])('a server knows a source again (%s)', async (_, first, data) => {
    await using server = await ScriptedServer.listen([
      [stream({ 'Set-Cookie': 'request=200' }), `retry: 100\n${first}`, END],
      [stream({ 'Set-Cookie': 'request=; Max-Age=0' }), 'data: data\n\n', END],
      [stream(), 'data: last\n\n'],
    ]);
    const fetchWithCookies = makeFetchCookie(fetch, new CookieJar());
    const source = new EventSource(`${server.other}/`, { withCredentials: true, fetch: fetchWithCookies });
    expect(await eventsUntil('last', source)).toEqual([
      'open',
      ...data,
      'error',
      'open',
      'data',
      'error',
      'open',
      'last',
    ]);
    expect(server.requests.map(({ headers }) => headers['cookie'])).toEqual([undefined, 'request=200', undefined]);
  });

  test('a redirect may set the cookie', async () => {
    await using server = await ScriptedServer.listen([
      [head(302, { Location: '/stream', 'Set-Cookie': 'login=1; Path=/', 'Content-Length': '0' }), END],
      [stream(), 'data: in\n\n'],
    ]);
    const source = new EventSource(`${server.origin}/login`, { fetch: makeFetchCookie(fetch, new CookieJar()) });
    expect(await eventsUntil('in', source)).toEqual(['open', 'in']);
    expect(server.requests.map(({ path, headers }) => `${path} ${headers['cookie']}`)).toEqual([
      '/login undefined',
      '/stream login=1',
    ]);
  });

  test('a cookie stays with its host', async () => {
    await using other = await ScriptedServer.listen([[stream(), 'data: b\n\n']]);
    await using server = await ScriptedServer.listen([[stream({ 'Set-Cookie': 'c=1' }), 'data: a\n\n']]);
    const fetchWithCookies = makeFetchCookie(fetch, new CookieJar());
    expect(await eventsUntil('a', new EventSource(server.other, { fetch: fetchWithCookies }))).toEqual(['open', 'a']);
    expect(await eventsUntil('b', new EventSource(other.origin, { fetch: fetchWithCookies }))).toEqual(['open', 'b']);
    expect(other.requests[0]?.headers['cookie']).toBeUndefined();
  });
});
