import { Channel, eventStream, ServerError, type CorsOptions, type RequestHead } from '@tidings/server';
import { describe, expect, test } from 'vitest';

function head(headers: Readonly<Record<string, string>>, method = 'GET'): RequestHead {
  return { method, url: '/', header: (name) => headers[name] };
}

/** The answer of a channel that was given the option. */
async function answer(
  cors: CorsOptions,
  headers: Readonly<Record<string, string>>,
  method?: string,
): Promise<{ status: number; headers: Readonly<Record<string, string>> }> {
  const { status, headers: sent, abandon } = await new Channel({ cors }).answer(head(headers, method));
  abandon?.();
  return { status, headers: sent };
}

const A = 'https://a.example';

describe('the option cors', () => {
  test.each<[string, CorsOptions, string | undefined]>([
    ['every origin', { origins: '*' }, '*'],
    ['a list with it', { origins: ['http://b.example:8080', A] }, A],
    ['a list without it', { origins: ['http://a.example', 'https://a.example:444'] }, undefined],
    ['an empty list', { origins: [] }, undefined],
    ['a function that says yes', { origins: (origin) => origin.endsWith('a.example') }, A],
    ['a function that says no', { origins: () => false }, undefined],
    ['a function whose promise says yes', { origins: (async () => true) as unknown as () => boolean }, undefined],
  ])('with %s answers accordingly', async (_name, cors, allowed) => {
    const { status, headers } = await answer(cors, { origin: A });
    expect([status, headers['Access-Control-Allow-Origin']]).toEqual([200, allowed]);
    expect(headers['Access-Control-Allow-Credentials']).toBeUndefined();
    expect(headers['Vary']).toBe(allowed === '*' ? undefined : 'Origin');
    expect(headers['Access-Control-Expose-Headers']).toBe(allowed === undefined ? undefined : 'Retry-After');
  });

  test('lets credentials be sent only where it says so, and only to whom it allows', async () => {
    const cors = { origins: [A], credentials: true };
    expect((await answer(cors, { origin: A })).headers['Access-Control-Allow-Credentials']).toBe('true');
    expect((await answer(cors, { origin: 'https://b.example' })).headers).not.toHaveProperty(
      'Access-Control-Allow-Credentials',
    );
  });

  test('does not repeat what a preflight asks for unless it is names of header fields', async () => {
    const asked = { origin: A, 'access-control-request-method': 'GET' };
    const name = 'access-control-request-headers';
    const allowed = async (fields: string): Promise<string | undefined> =>
      (await answer({ origins: [A], maxAgeSeconds: 5 }, { ...asked, [name]: fields }, 'OPTIONS')).headers[
        'Access-Control-Allow-Headers'
      ];
    expect(await allowed('authorization,x-a')).toBe('authorization,x-a');
    expect(await allowed('a\r\nSet-Cookie: b')).toBeUndefined();
    expect(await allowed('a'.repeat(2000))).toBeUndefined();
  });

  test('answers a preflight with the methods that there are: a channel takes no POST, a stream of its own does', async () => {
    const preflight = { origin: A, 'access-control-request-method': 'POST' };
    const { status, headers } = await answer({ origins: [A] }, preflight, 'OPTIONS');
    expect([status, headers['Access-Control-Allow-Methods']]).toEqual([204, 'GET, HEAD']);
    const request = new Request('http://test/', { method: 'OPTIONS', headers: preflight });
    const response = eventStream(request, () => {}, { cors: { origins: [A] } });
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST');
  });

  test('answers an OPTIONS that is no preflight with the methods there are', async () => {
    const { status, headers } = await answer({ origins: [A] }, {}, 'OPTIONS');
    expect([status, headers['Allow']]).toEqual([204, expect.stringContaining('GET')]);
  });

  test.each<[string, unknown]>([
    ['no object', A],
    ['no origins', {}],
    ['one origin that is no list', { origins: A }],
    ['a path', { origins: [`${A}/`] }],
    ['capitals', { origins: ['https://A.example'] }],
    ['a port that goes without saying', { origins: ['https://a.example:443'] }],
    ['no scheme', { origins: ['a.example'] }],
    ['a pattern', { origins: ['https://*'] }],
    ['what is no text', { origins: [/a/] }],
    ['every origin with credentials', { origins: '*', credentials: true }],
    ['sandboxed frames with credentials', { origins: ['null'], credentials: true }],
    ['credentials that are no boolean', { origins: [A], credentials: 'yes' }],
    ['an age below zero', { origins: [A], maxAgeSeconds: -1 }],
  ])('is refused with %s', (_name, cors) => {
    expect(() => new Channel({ cors: cors as CorsOptions })).toThrow(ServerError);
    expect(() => new Channel({ cors: cors as CorsOptions })).toThrow(/^The option cors/);
  });

  test('may list sandboxed frames and pages of browser extensions', async () => {
    const origins = ['null', 'moz-extension://0c21d1fe-9d10-4e18-b3b0-1d3e1e3a2b4c'];
    for (const origin of origins) {
      expect((await answer({ origins }, { origin })).headers['Access-Control-Allow-Origin']).toBe(origin);
    }
  });
});
