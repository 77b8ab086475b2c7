import { execFile } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createServer, Hub, MemoryLog } from '@tidings/hub';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programPath } from '../../scripts/debian.mjs';
import { folder } from '../folder.ts';
import { isMissing } from '../missing.ts';
import { Nginx } from './nginx.ts';

const KEY = 'a-key-of-the-hub';

// More than the buffers of all sockets between a client and the hub.
const BYTES = 4 * 1024 * 1024;

interface Sending {
  /** The value of Authorization. */
  readonly key: string | undefined;
  readonly isChunked: boolean;
}

/** A body that is too large for one event, and one of nobody who may publish: of known length, and chunked. */
const SENDINGS: readonly Sending[] = [`Bearer ${KEY}`, undefined].flatMap((key) =>
  [false, true].map((isChunked) => ({ key, isChunked })),
);
const REFUSALS = [413, 413, 401, 401];

/** It sends all of a body before it looks at what has come. */
const PYTHON = `
import http.client, json, sys
for sending in json.loads(sys.argv[2]):
    connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
    headers = {'Authorization': sending['key']} if 'key' in sending else {}
    chunked = sending['isChunked']
    body = (b'x' * 65536 for _ in range(${BYTES} // 65536)) if chunked else b'x' * ${BYTES}
    connection.request('POST', '/topics/a', body=body, headers=headers, encode_chunked=chunked)
    print(connection.getresponse().status)
`;

interface Client {
  /** A program that it needs, as the gate names it. */
  readonly program?: string;
  /** Sends all to an origin. Gives the statuses of the answers. */
  send(origin: string): Promise<readonly number[]>;
}

const run = promisify(execFile);

const CLIENTS: Readonly<Record<string, Client>> = {
  fetch: {
    async send(origin) {
      const statuses: number[] = [];
      for (const { key, isChunked } of SENDINGS) {
        const whole = new Blob([Buffer.alloc(BYTES, 'x')]);
        const response = await fetch(`${origin}/topics/a`, {
          method: 'POST',
          headers: key === undefined ? {} : { authorization: key },
          ...(isChunked ? { body: whole.stream(), duplex: 'half' } : { body: whole }),
        });
        await response.text();
        statuses.push(response.status);
      }
      return statuses;
    },
  },

  curl: {
    program: 'curl',
    async send(origin) {
      const place = folder({ body: 'x'.repeat(BYTES) });
      const statuses: number[] = [];
      for (const { key, isChunked } of SENDINGS) {
        const headers = [
          // It would wait for a word of the hub before it sends a large body.
          'Expect:',
          ...(key === undefined ? [] : [`Authorization: ${key}`]),
          ...(isChunked ? ['Transfer-Encoding: chunked'] : []),
        ];
        const { stdout } = await run(programPath('curl'), [
          '--silent',
          '--show-error',
          '--output',
          join(place, 'answer'),
          '--write-out',
          '%{http_code}',
          ...headers.flatMap((header) => ['--header', header]),
          '--data-binary',
          `@${join(place, 'body')}`,
          `${origin}/topics/a`,
        ]);
        statuses.push(Number(stdout));
      }
      return statuses;
    },
  },

  "Python's http.client": {
    program: 'python3',
    async send(origin) {
      const args = ['-c', PYTHON, new URL(origin).host, JSON.stringify(SENDINGS)];
      const { stdout } = await run(programPath('python3'), args);
      return stdout.trim().split('\n').map(Number);
    },
  },
};

describe('a refusal whose body is still coming', () => {
  const withoutNginx = isMissing('nginx') || isMissing('openssl');
  let server: ReturnType<typeof createServer>;
  let hub: Hub;
  let nginx: Nginx | undefined;
  let unbuffered: Nginx | undefined;

  beforeAll(async () => {
    hub = new Hub({ log: new MemoryLog(), key: KEY });
    server = createServer(hub);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    if (withoutNginx) return;
    const settings = 'client_max_body_size 0;';
    nginx = await Nginx.start(origin(), { settings });
    unbuffered = await Nginx.start(origin(), {
      settings: `${settings} proxy_request_buffering off; proxy_http_version 1.1;`,
    });
  });

  afterAll(async () => {
    await nginx?.[Symbol.asyncDispose]();
    await unbuffered?.[Symbol.asyncDispose]();
    await hub.close({ finishMs: 0 });
    server.closeAllConnections();
    server.close();
  });

  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const PLACES: readonly (readonly [name: string, lacks: boolean, at: () => string])[] = [
    ['directly', false, origin],
    ['through nginx', withoutNginx, () => nginx!.plain],
    ['through nginx that passes a body on as it comes', withoutNginx, () => unbuffered!.plain],
  ];

  describe.each(Object.entries(CLIENTS))('reaches %s', (_, { program, send }) => {
    const lacksClient = program !== undefined && isMissing(program);
    for (const [place, lacks, at] of PLACES) {
      test.skipIf(lacksClient || lacks)(place, async () => {
        expect(await send(at())).toEqual(REFUSALS);
      });
    }
  });
});
