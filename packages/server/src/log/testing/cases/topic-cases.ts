import assert from 'node:assert/strict';
import type { TopicPage, TopicPageRequest } from '../../event-log.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { event, EVERYTHING, privately, range, type LogProbe } from '../log-probe.ts';

async function list(probe: LogProbe, request: TopicPageRequest): Promise<TopicPage> {
  const page = await probe.log.directory?.list(request);
  assert.ok(page, 'this case needs the capability directory, which the log does not have');
  return page;
}

async function names(probe: LogProbe, request: TopicPageRequest): Promise<string[]> {
  return (await list(probe, request)).topics.map(({ topic }) => topic);
}

export const topicCases: readonly LogCase[] = [
  logCase(
    'the directory sums up what is kept of each topic',
    async (probe) => {
      assert.deepEqual(await list(probe, { order: 'name', limit: 10 }), { topics: [], total: 0 });
      assert.deepEqual(await list(probe, { order: 'time', limit: 10 }), { topics: [], total: 0 });
      await probe.append(event('a'));
      await probe.append({ topics: ['a', 'b'], fields: { data: '' } });
      await probe.append(event('c'));
      const [first, second, third] = await probe.read(EVERYTHING);
      assert.ok(first && second && third);
      const { topics, total } = await list(probe, { order: 'name', limit: 10 });
      assert.equal(total, 3);
      assert.deepEqual(
        topics.map(({ topic, events, last }) => ({ topic, events, last })),
        [
          { topic: 'a', events: 2, last: second.time },
          { topic: 'b', events: 1, last: second.time },
          { topic: 'c', events: 1, last: third.time },
        ],
      );
      // What an event costs is the log's own, but never less than its frame.
      const least = [first.frame.length + second.frame.length, second.frame.length, third.frame.length];
      topics.forEach(({ bytes }, index) => assert.ok(bytes >= (least[index] ?? 0), `${bytes} bytes are counted`));
      const [, , c] = topics;
      const byTime = await list(probe, { order: 'time', limit: 1 });
      assert.deepEqual(byTime, { topics: [c], total: 3 });
    },
    { needs: ['directory'] },
  ),

  logCase(
    'topics are listed by the bytes of their names, a page at a time',
    async (probe) => {
      // In bytes a private use character comes before a surrogate pair, in UTF-16 behind it.
      const sorted = ['A', 'B', 'a', 'a!', 'aa', 'b', 'ä', '\uE000', '\uFFFD', '🎉', '🎉a'];
      const shuffled = sorted.toSorted(
        (one, other) =>
          ((one.length * 7 + sorted.indexOf(one) * 5) % 11) - ((other.length * 7 + sorted.indexOf(other) * 5) % 11),
      );
      for (const topic of shuffled) await probe.append(event(topic));
      assert.deepEqual(await names(probe, { order: 'name', limit: 100 }), sorted);
      for (const limit of [1, 2, 3]) {
        const found: string[] = [];
        for (;;) {
          const after = found.at(-1);
          const page = await list(probe, { order: 'name', limit, ...(after === undefined ? {} : { after }) });
          assert.equal(page.total, sorted.length);
          if (page.topics.length === 0) break;
          assert.ok(page.topics.length <= limit);
          found.push(...page.topics.map(({ topic }) => topic));
        }
        assert.deepEqual(found, sorted);
      }
      // A page can also begin after a name that does not exist.
      assert.deepEqual(await names(probe, { order: 'name', limit: 2, after: 'a"' }), ['aa', 'b']);
    },
    { needs: ['directory'] },
  ),

  logCase(
    'topics are listed by their newest events',
    async (probe) => {
      for (const topic of ['a', 'b', 'c', 'd', 'b', 'a']) await probe.append(event(topic));
      assert.deepEqual(await names(probe, { order: 'time', limit: 10 }), ['a', 'b', 'd', 'c']);
      assert.deepEqual(await names(probe, { order: 'time', limit: 2 }), ['a', 'b']);
      await probe.append(event('new'), event('c'));
      assert.deepEqual(await names(probe, { order: 'time', limit: 3 }), ['c', 'new', 'a']);
    },
    { needs: ['directory'] },
  ),

  logCase(
    'a directory of public events shows nothing of private ones: no names, no counts, no times',
    async (probe) => {
      const publicOnly = true;
      const requests: TopicPageRequest[] = [
        { order: 'time', limit: 10 },
        { order: 'name', limit: 10 },
        { order: 'time', limit: 2 },
        { order: 'name', limit: 1, after: 'a' },
      ];
      const pages = (): Promise<TopicPage[]> =>
        Promise.all(requests.map((request) => list(probe, { ...request, publicOnly })));
      const all = (): Promise<TopicPage[]> => Promise.all(requests.map((request) => list(probe, request)));
      assert.deepEqual(await pages(), await all());
      for (const topic of ['a', 'b', 'c', 'd']) {
        await probe.append(event(topic));
        await probe.advance(1);
      }
      assert.deepEqual(await pages(), await all());
      const before = await pages();
      await probe.append(privately('a'), privately('secret'));
      await probe.append(privately('c', 'secret'));
      assert.deepEqual(await pages(), before);
      assert.deepEqual(await names(probe, { order: 'time', limit: 10 }), ['secret', 'c', 'a', 'd', 'b']);
      assert.equal((await list(probe, { order: 'name', limit: 1 })).total, 5);
      await probe.append(event('b', { data: 'x' }), privately('b'));
      await probe.append(event('secret'));
      assert.deepEqual(await names(probe, { order: 'time', limit: 10, publicOnly }), ['secret', 'b', 'd', 'c', 'a']);
      const { topics, total } = await list(probe, { order: 'name', limit: 10, publicOnly });
      assert.deepEqual(
        [topics.map(({ topic, events }) => [topic, events]), total],
        [
          [
            ['a', 1],
            ['b', 2],
            ['c', 1],
            ['d', 1],
            ['secret', 1],
          ],
          5,
        ],
      );
    },
    { needs: ['directory', 'time'] },
  ),

  logCase(
    'a directory of public events leaves out a topic when its last public event is trimmed, and knows the newest of the others',
    async (probe) => {
      const start = probe.time;
      await probe.append(event('gone'));
      await probe.append(event('a'));
      await probe.advance(1);
      await probe.append(event('a', { data: 'newest' }));
      await probe.advance(1);
      await probe.append(privately('a'), privately('gone'), privately('gone'));
      await probe.trim();
      const shown = async (): Promise<unknown> => {
        const { topics, total } = await list(probe, { order: 'time', limit: 10, publicOnly: true });
        return [topics.map(({ topic, events, last }) => [topic, events, last - start]), total];
      };
      assert.deepEqual(await shown(), [[['a', 2, 1]], 1]);
      await probe.append(privately('gone'), privately('gone'));
      await probe.trim();
      assert.deepEqual(await shown(), [[], 0]);
      assert.deepEqual(await names(probe, { order: 'time', limit: 10 }), ['gone', 'a']);
      await probe.append(event('gone'));
      assert.deepEqual(await shown(), [[['gone', 1, 2]], 1]);
    },
    { needs: ['directory', 'time', 'trim'], retention: { maxEvents: 5 } },
  ),

  logCase(
    'a directory of public events is the same when the log is opened again',
    async (probe) => {
      for (const topic of ['a', 'b', 'c']) {
        await probe.append(event(topic));
        await probe.advance(1);
      }
      await probe.append(privately('a'), privately('secret'));
      const request: TopicPageRequest = { order: 'time', limit: 10, publicOnly: true };
      const before = await list(probe, request);
      await probe.reopen();
      assert.deepEqual(await list(probe, request), before);
      assert.deepEqual(await names(probe, request), ['c', 'b', 'a']);
    },
    { needs: ['directory', 'time', 'durable'] },
  ),

  logCase(
    'a topic whose newest event has been trimmed is listed with the newest that is kept',
    async (probe) => {
      const start = probe.time;
      await probe.append(event('a'));
      await probe.advance(1);
      await probe.append(event('b'));
      await probe.advance(1);
      await probe.append({ topics: ['a', 'few'], fields: { data: '' } });
      await probe.advance(1);
      await probe.append(event('few'));
      await probe.trim();
      const { topics } = await list(probe, { order: 'time', limit: 10 });
      assert.deepEqual(
        topics.map(({ topic, events, last }) => [topic, events, last - start]),
        [
          ['few', 1, 3],
          ['b', 1, 1],
          ['a', 1, 0],
        ],
      );
    },
    { needs: ['directory', 'trim', 'time'], retention: { perTopic: [{ topics: ['few'], maxEvents: 1 }] } },
  ),

  logCase(
    'topics of which nothing is kept are not listed',
    async (probe) => {
      for (const n of range(1, 5)) await probe.append(event(`t${n}`));
      await probe.trim();
      assert.deepEqual(await names(probe, { order: 'name', limit: 10 }), ['t4', 't5']);
      assert.deepEqual(await names(probe, { order: 'time', limit: 10 }), ['t5', 't4']);
      assert.equal((await list(probe, { order: 'time', limit: 1 })).total, 2);
    },
    { needs: ['directory', 'trim'], retention: { maxEvents: 2 } },
  ),

  logCase(
    'public topics behind very many private ones are listed, and others go first',
    async (probe) => {
      const groupOf = (group: number): string[] => range(1, 200).map((at) => `hidden ${group} ${at}`);
      const hidden = range(1, 100).map((group) => privately(...groupOf(group)));
      await probe.append(...hidden, event('public'));
      const order: string[] = [];
      const listed = probe.log.directory
        ?.list({ order: 'name', limit: 1, publicOnly: true })
        .then(({ topics, total }) => order.push(`${topics.map(({ topic }) => topic).join(' ')} of ${total}`));
      await new Promise<void>((resolve) => void setImmediate(resolve)).then(() => order.push('other'));
      await listed;
      assert.deepEqual(order, ['other', 'public of 1']);
    },
    { needs: ['local', 'time', 'directory'] },
  ),
];
