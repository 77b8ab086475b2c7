import {
  listedTopics,
  type TopicDirectory,
  type TopicPage,
  type TopicPageRequest,
  type TopicRecord,
} from '@tidings/server/log';
import type { TopicRow } from '../records.ts';
import type { Readers } from './readers.ts';

type ListedRow = Pick<TopicRow, 'topic' | 'events' | 'bytes' | 'last'> & {
  readonly record: string | null;
  readonly total: number;
};

/** The list of topics, a page at a time. */
export function directory(readers: Readers): TopicDirectory {
  return { list: (request) => list(readers, request) };
}

async function list(
  readers: Readers,
  { order, limit, after, publicOnly = false }: TopicPageRequest,
): Promise<TopicPage> {
  const columns = publicOnly
    ? 't.topic, t.events - t.hidden_events as events, t.bytes - t.hidden_bytes as bytes, t.public_last as last'
    : 't.topic, t.events, t.bytes, t.last';
  const among = publicOnly ? 't.public_seq > 0' : 'true';
  const sorted = order === 'name' ? 't.topic' : `${publicOnly ? 't.public_seq' : 't.last_seq'} desc, t.topic desc`;
  // No name has a NUL, so what is behind one with it is behind what comes before that.
  const [begun = ''] = order === 'name' && after !== undefined ? after.split('\0') : [];
  // A name is never empty, so all of them are behind an empty one. The row without a topic says how many there are.
  const rows = await readers.ask((ask) =>
    ask<{ [Column in keyof ListedRow]: ListedRow[Column] | null }>(
      `select p.*, (select count(*) from @topics t where ${among}) as total from (select 1) one left join
        (select ${columns}, s.record, row_number() over (order by ${sorted}) as place
          from (select * from @topics t where ${among} and t.topic > $1 order by ${sorted} limit $2) t left join @states s using (topic)) p on true
        order by p.place`,
      [begun, limit],
    ),
  );
  const listed = rows.filter((row): row is ListedRow => row.topic !== null);
  const records = new Map(
    listed.flatMap(({ topic, record }) => (record === null ? [] : [[topic, JSON.parse(record) as TopicRecord]])),
  );
  const known = { size: records.size, get: (topic: string) => records.get(topic) };
  const totals = listed.map(({ topic, events, bytes, last }) => ({ topic, events, bytes, last }));
  return { topics: listedTopics(totals, known, publicOnly), total: rows[0]?.total ?? 0 };
}
