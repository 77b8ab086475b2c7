import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { LogHost, RemoteLog } from '@tidings/server/log/remote';
import type { LogEntry, NewEvent } from '@tidings/server/log';
import { ServerError } from '@tidings/server/log';
import { expect, onTestFinished, test } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { EVERYTHING, openLog } from './rig.ts';

/** All that an entry is, whether its members are its own or computed. */
function whole(entry: LogEntry): unknown {
  const { seq, id, topics, time, private: isPrivate, latestKey, forgets, frame, final, deletes } = entry;
  const flags = { private: isPrivate, forgets: forgets === true, final: final === true, deletes: deletes === true };
  return { seq, id, topics: [...topics], time, latestKey, frame: Buffer.from(frame).toString(), ...flags };
}

test('what another process reads and is handed over of a log on disk is what the log itself gives', async () => {
  const log = await openLog();
  const host = new LogHost(log);
  const root = folder({});
  chmodSync(root, 0o700);
  const path = join(root, 'log.sock');
  await host.listen(path);
  const remote = await RemoteLog.open({ path });
  onTestFinished(async () => {
    await remote.close();
    host.close();
  });
  const [here, there]: [unknown[], unknown[]] = [[], []];
  const started = new Promise<void>((resolve) => {
    remote.follow({ onStart: () => resolve(), onBatch: (batch) => there.push(...batch.map(whole)), onLost: () => {} });
  });
  await started;
  log.follow({ onStart: () => {}, onBatch: (batch) => here.push(...batch.map(whole)), onLost: () => {} });
  const events: NewEvent[] = [
    { topics: ['a'], fields: { data: 'plain' } },
    { topics: ['a'], fields: { data: 'two\nlines', event: 'type', retry: 5, id: 'a publisher’s id' } },
    { topics: ['a', 'ü/☂', 'c'], fields: { data: '', comment: 'of three topics' }, private: true },
    { topics: ['a', 'ü/☂', 'c'], fields: { event: 'the same ones' }, latestKey: 'ключ' },
    { topics: ['c'], fields: { event: 'forgotten' }, latestKey: 'ключ', forget: true },
    { topics: ['c'], fields: { data: 'x'.repeat(300_000) }, final: true },
  ];
  await remote.append(events.slice(0, 3));
  // An event of a class, whose privacy is computed.
  class Secret implements NewEvent {
    readonly topics = ['s'];
    readonly fields = { data: 'secret' };
    get private(): boolean {
      return true;
    }
  }
  await remote.append([new Secret()]);
  for (const event of events.slice(3)) await remote.append([event]);
  await remote.topics?.delete('a');
  const { head } = await remote.locate('earliest');
  const request = { selection: EVERYTHING, after: 0, through: head, maxBytes: 2 ** 20 };
  const [own, read] = [await log.read(request), await remote.read(request)];
  expect(read.entries.map(whole)).toEqual(own.entries.map(whole));
  expect(read).toMatchObject({ through: own.through, trims: own.trims, trimmedThrough: own.trimmedThrough });
  expect(there).toEqual(here);
  expect(here).toHaveLength(events.length + 2);
  expect(read.entries.find(({ topics: [topic] }) => topic === 's')?.private).toBe(true);
  const refusal = await remote.append([{ topics: ['c'], fields: { data: 'late' } }]).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ServerError);
  expect(refusal).toMatchObject({ code: 'ERR_TOPIC_CLOSED', message: expect.stringContaining('"c"') });
  // What cannot be sent is refused here.
  const circle: Record<string, unknown> = {};
  circle['circle'] = circle;
  await expect(remote.append([circle as never])).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
});
