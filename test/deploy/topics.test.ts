import { request } from 'node:http';
import { decodeEventStream } from '@tidings/wire';
import { describe, expect, test } from 'vitest';
import { RestartableHub } from '../end-to-end/hub.ts';
import { lacks, PROXIES, startProxy } from './proxy.ts';

/** Names that proxies like to change in a path. */
const TOPICS = `a/b a//b /a a/ // a/../b ./a a/. %2F a%b a?b#c a+c é😀 \\ a\\..\\b it's a;b,c:d@e&f=g "<>\`{|}^[]`
  .split(' ')
  .concat('a b');

/** What nginx and Apache take for a path above their root, also where its slashes are encoded. */
const ABOVE_ROOT = '../../a';

/** Sends a path as it is. */
function publish(origin: string, path: string, data: string): Promise<number> {
  const { hostname: host, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    request({ host, port, path, method: 'POST', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once('error', reject)
      .end(data);
  });
}

/** The data of the first event of a stream. */
async function firstOf(url: string): Promise<string> {
  const left = new AbortController();
  const response = await fetch(url, { headers: { accept: 'text/event-stream' }, signal: left.signal });
  try {
    for await (const { type, data } of decodeEventStream(response.body!)) if (type === 'message') return data;
    return 'nothing';
  } finally {
    left.abort();
  }
}

describe.each(PROXIES)('behind %s', (name) => {
  test.skipIf(lacks(name))(
    'a topic with any name goes through in the query, and with its slashes encoded in the path, too',
    async () => {
      const hub = await RestartableHub.make();
      await hub.start(hub.port, ['--anonymous', 'all']);
      const { plain } = await startProxy(name, hub.port);
      for (const topic of TOPICS) {
        const encoded = encodeURIComponent(topic);
        expect([topic, await publish(plain, `/topics/${encoded}`, `path ${topic}`)]).toEqual([topic, 200]);
        expect(await firstOf(`${plain}/topics?match=${encoded}&last=1`)).toBe(`path ${topic}`);
        expect([topic, await publish(plain, `/topics?topic=${encoded}`, `query ${topic}`)]).toEqual([topic, 200]);
        expect(await firstOf(`${plain}/topics/${encoded}?last=1`)).toBe(`query ${topic}`);
      }
      const above = encodeURIComponent(ABOVE_ROOT);
      expect(await publish(plain, `/topics?topic=${above}`, 'above')).toBe(200);
      expect(await firstOf(`${plain}/topics?match=${above}&last=1`)).toBe('above');
      // No name has been taken for another one.
      const { topics } = (await (await fetch(`${hub.url}/topics`)).json()) as { topics: { topic: string }[] };
      expect(new Set(topics.map(({ topic }) => topic))).toEqual(new Set([...TOPICS, ABOVE_ROOT]));
    },
  );
});
