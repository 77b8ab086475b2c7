import assert from 'node:assert/strict';
import { logCase, type LogCase } from '../log-case.ts';
import {
  closing,
  event,
  message,
  privately,
  refused,
  seqs,
  select,
  statesOf,
  type LogProbe,
  EVERYTHING,
} from '../log-probe.ts';

const SECOND_MS = 1000;

/** The state of a topic, its events, and the sequence numbers of the first, the last and the final one. */
async function brief(probe: LogProbe, topic: string, publicOnly = false): Promise<unknown[]> {
  const { state, events, earliest, newest, finalSeq } = await statesOf(probe).status(topic, { publicOnly });
  return [state, events, earliest?.seq, newest?.seq, finalSeq];
}

async function finals(probe: LogProbe, ...topics: readonly string[]): Promise<(number | undefined)[]> {
  const selection = select(...topics);
  const head = await probe.head();
  const page = await probe.log.read({ selection, after: 0, through: head, maxBytes: 1 });
  const last = await probe.log.locateLast(selection, 0);
  const place = await probe.log.locate('earliest', selection);
  return [page.finalSeq, last.finalSeq, place.finalSeq];
}

export const stateCases: readonly LogCase[] = [
  logCase(
    'a topic is unknown, open from its first event on, and closed from its final one on',
    async (probe) => {
      assert.deepEqual(await statesOf(probe).status('a'), { topic: 'a', state: 'unknown', events: 0 });
      const first = await probe.append(event('a', { id: 'mine' }));
      const second = await probe.append(event('a'));
      assert.deepEqual(await statesOf(probe).status('a'), {
        topic: 'a',
        state: 'open',
        events: 2,
        earliest: { seq: first.seq, id: 'mine' },
        newest: { seq: second.seq, id: second.id },
      });
      const last = await probe.append(closing('a'));
      assert.deepEqual(await brief(probe, 'a'), ['closed', 3, first.seq, last.seq, last.seq]);
      assert.deepEqual(await brief(probe, 'b'), ['unknown', 0, undefined, undefined, undefined]);
    },
    { needs: ['states'] },
  ),

  logCase(
    'the final event is read and handed over as such, and no other is',
    async (probe) => {
      const recorder = await probe.follow();
      await probe.append(event('a'));
      const { seq } = await probe.append(event('a'), closing('a', 'b'), event('c'));
      await recorder.reached(seq);
      const isFinal = recorder.entries.map(({ final }) => final === true);
      assert.deepEqual(isFinal, [false, false, true, false]);
      const read = await probe.read(EVERYTHING);
      assert.deepEqual(
        read.map(({ final }) => final === true),
        isFinal,
      );
    },
    { needs: ['states'] },
  ),

  logCase(
    'nothing is appended to a closed topic, whatever else is in the batch',
    async (probe) => {
      const { seq } = await probe.append(closing('a'));
      await refused(probe.append(event('a')), 'ERR_TOPIC_CLOSED', 'an event of a closed topic');
      await refused(probe.append(closing('a')), 'ERR_TOPIC_CLOSED', 'a second final event');
      await refused(probe.append(event('b'), event('a')), 'ERR_TOPIC_CLOSED', 'a batch with a closed topic');
      await refused(
        probe.append({ topics: ['b', 'a'], fields: { data: '' } }),
        'ERR_TOPIC_CLOSED',
        'an event of a closed topic and another one',
      );
      await refused(
        probe.append(event('b'), closing('b'), event('b')),
        'ERR_TOPIC_CLOSED',
        'an event behind the final one of its batch',
      );
      assert.deepEqual(seqs(await probe.read(EVERYTHING)), [seq]);
      assert.deepEqual(await brief(probe, 'b'), ['unknown', 0, undefined, undefined, undefined]);
      await probe.append(event('b'));
    },
    { needs: ['states'] },
  ),

  logCase(
    'of appends to a topic that overlap, those before the final event are stored and those behind it refused',
    async (probe) => {
      const before = ['1', '2', '3'].map((data) => probe.append(event('a', { data })));
      const last = probe.append(closing('a'));
      const behind = ['4', '5', '6'].map((data) =>
        refused(probe.append(event('a', { data })), 'ERR_TOPIC_CLOSED', data),
      );
      await Promise.all([...before, last, ...behind]);
      assert.deepEqual(await probe.data(select('a')), ['1', '2', '3', 'the end']);
    },
    { needs: ['states'] },
  ),

  logCase(
    'a key answers a repeat with its first receipt, also where the topic is closed by now',
    async (probe) => {
      const events = [event('a'), closing('a')];
      const first = await probe.log.append(events, { key: 'k' });
      const again = await probe.log.append(events, { key: 'k' });
      assert.deepEqual(again, { ...first, repeated: true });
      await refused(
        probe.log.append([event('a'), event('a', { data: 'the end' })], { key: 'k' }),
        'ERR_KEY_REUSED',
        'k',
      );
      await refused(probe.log.append(events, { key: 'other' }), 'ERR_TOPIC_CLOSED', 'the same batch with another key');
    },
    { needs: ['states'] },
  ),

  logCase(
    'pages and places of one exact topic tell its final event; those of others do not',
    async (probe) => {
      await probe.append(event('a'), event('b'));
      assert.deepEqual(await finals(probe, 'a'), [undefined, undefined, undefined]);
      const { seq } = await probe.append(closing('a'));
      assert.deepEqual(await finals(probe, 'a'), [seq, seq, seq]);
      assert.deepEqual(await finals(probe, 'b'), [undefined, undefined, undefined]);
      assert.deepEqual(await finals(probe, 'a', 'b'), [undefined, undefined, undefined]);
    },
    { needs: ['states'] },
  ),

  logCase(
    'a private final event is told to those who see only public events as the newest one of these',
    async (probe) => {
      const shown = await probe.append(event('a'));
      const last = await probe.append({ ...closing('a'), private: true });
      assert.deepEqual(await finals(probe, 'a'), [shown.seq, shown.seq, shown.seq]);
      assert.deepEqual(await brief(probe, 'a', true), ['closed', 1, shown.seq, shown.seq, shown.seq]);
      assert.deepEqual(await brief(probe, 'a'), ['closed', 2, shown.seq, last.seq, last.seq]);
      await probe.append(privately('secret'));
      await probe.append({ ...closing('secret'), private: true });
      assert.deepEqual(await finals(probe, 'secret'), [undefined, undefined, undefined]);
      assert.deepEqual(await statesOf(probe).status('secret', { publicOnly: true }), {
        topic: 'secret',
        state: 'unknown',
        events: 0,
      });
      await probe.append(privately('c'), event('c'), privately('c'));
      const [, first, , , , middle] = await probe.read(EVERYTHING);
      assert.ok(first && middle);
      assert.deepEqual(await brief(probe, 'c', true), ['open', 1, middle.seq, middle.seq, undefined]);
    },
    { needs: ['states'] },
  ),

  logCase(
    'nothing is selected after the final event of a topic of which some get private events by another topic only',
    async (probe) => {
      const finalOf = async (topic: string, seen: string): Promise<number | undefined> =>
        (await probe.log.locateLast({ topics: [topic], private: [seen] }, 0)).finalSeq;
      const { seq: first } = await probe.append(event('a'));
      await probe.append(privately('a', 'b'));
      const last = await probe.append({ ...closing('a', 'b'), private: true });
      assert.deepEqual(await finals(probe, 'a'), [first, first, first]);
      assert.deepEqual([await finalOf('a', 'b'), await finalOf('a', 'z')], [last.seq, last.seq]);
      assert.equal((await probe.read({ topics: ['a'], private: ['b'] })).at(-1)?.seq, last.seq);
      // There has been no public event of this one, so that it is closed only for those with a right to its private ones.
      assert.deepEqual([await finalOf('b', 'a'), await finalOf('b', 'b')], [undefined, last.seq]);
    },
    { needs: ['states'] },
  ),

  logCase(
    'a closed topic is forgotten with its last kept event, and can be published to again',
    async (probe) => {
      await probe.append(event('a'));
      const { seq } = await probe.append(closing('a'));
      assert.deepEqual(await brief(probe, 'a'), ['closed', 1, seq, seq, seq]);
      await probe.publish('b', '1', '2');
      await probe.trim();
      assert.deepEqual(await brief(probe, 'a'), ['unknown', 0, undefined, undefined, undefined]);
      await probe.append(event('a'));
    },
    { needs: ['states', 'trim'], retention: { maxEvents: 1 } },
  ),

  logCase(
    'topics are listed with their states, for who gets their private events and for who does not',
    async (probe) => {
      const listed = async (order: 'name' | 'time', publicOnly: boolean): Promise<unknown> => {
        const page = await probe.log.directory?.list({ order, limit: 10, publicOnly });
        return page?.topics.map(({ topic, state }) => `${topic} ${state}`).toSorted();
      };
      await probe.append(event('a'), event('b'), closing('b'));
      for (const publicOnly of [false, true]) {
        assert.deepEqual(await listed('name', publicOnly), ['a open', 'b closed']);
        assert.deepEqual(await listed('time', publicOnly), ['a open', 'b closed']);
      }
      await probe.append(event('c'), { ...closing('c'), private: true });
      await probe.append(privately('d'), event('d'), { ...closing('secret'), private: true });
      assert.deepEqual(await listed('time', false), ['a open', 'b closed', 'c closed', 'd open', 'secret closed']);
      // A stream of "c" ends behind its last public event for who does not get its private ones.
      assert.deepEqual(await listed('time', true), ['a open', 'b closed', 'c closed', 'd open']);
      assert.deepEqual(await listed('name', true), ['a open', 'b closed', 'c closed', 'd open']);
      assert.equal((await statesOf(probe).status('c', { publicOnly: true })).state, 'closed');
      await statesOf(probe).delete('b');
      await probe.append(event('b'));
      assert.deepEqual(await listed('name', true), ['a open', 'b open', 'c closed', 'd open']);
    },
    { needs: ['states', 'directory'] },
  ),

  logCase(
    'states are opened again as they were',
    async (probe) => {
      await statesOf(probe).create('a', { ttlMs: 10 * SECOND_MS, keep: 'latest' });
      await probe.append(event('a'), closing('b', 'c'));
      await probe.append(privately('d'), { ...closing('d'), private: true });
      await statesOf(probe).create('e');
      await probe.append(closing('e'));
      const all = ['a', 'b', 'c', 'd', 'e'];
      const look = (): Promise<unknown[]> =>
        Promise.all(
          all.flatMap((topic) => [true, false].map((publicOnly) => statesOf(probe).status(topic, { publicOnly }))),
        );
      const before = await look();
      await probe.advance(5 * SECOND_MS);
      for (let time = 0; time < 2; time += 1) {
        await probe.reopen();
        assert.deepEqual(await look(), before);
        await refused(probe.append(event('b')), 'ERR_TOPIC_CLOSED', 'an event of a closed topic');
        await refused(probe.append(event('c')), 'ERR_TOPIC_CLOSED', 'an event of a closed topic');
      }
      const ends = (await probe.read(EVERYTHING)).filter(({ final }) => final === true);
      assert.deepEqual(
        ends.map((entry) => message(entry).data),
        ['the end', 'the end', 'the end'],
      );
      await probe.advance(6 * SECOND_MS);
      assert.equal((await statesOf(probe).status('a')).state, 'unknown');
    },
    { needs: ['states', 'durable', 'time'] },
  ),
];
