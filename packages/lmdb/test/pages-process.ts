// Another process that uses the log of a test over the socket of its descriptor 3, and reads the data folder by itself.
// pages-process.ts <data folder>: answers each message, a number of rounds or a request, over IPC.
import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import { LmdbPages } from '@tidings/lmdb';
import { type PageReader, RemoteLog } from '@tidings/server/log/remote';
import { EVERYTHING, type LogEntry, type ReadRequest } from '@tidings/server/log';

const [, , path = ''] = process.argv;
const pages = LmdbPages.open({ path });
let [own, refused] = [0, 0];
const reader: PageReader = {
  page(request, plan) {
    const page = pages.page(request, plan);
    if (page) own += 1;
    else refused += 1;
    return page;
  },
  close: () => pages.close(),
};
const log = await RemoteLog.open({ socket: new Socket({ fd: 3 }), reader });

function plain({ seq, id, topics, time, private: isPrivate, frame }: LogEntry): unknown {
  return { seq, id, topics, time, private: isPrivate, frame: createHash('sha1').update(frame).digest('hex') };
}

/** Reads everything once. Returns what is missing and was not told. */
async function sweep(): Promise<number[]> {
  const untold: number[] = [];
  const { head } = await log.locate('earliest');
  for (let after = 0; after < head;) {
    const page = await log.read({ selection: EVERYTHING, after, through: head, maxBytes: 20_000 });
    const seqs = new Set(page.entries.map(({ seq }) => seq));
    for (let seq = after + 1; seq <= page.through; seq += 1) {
      if (!seqs.has(seq) && seq > page.trimmedThrough) untold.push(seq);
    }
    after = page.through;
  }
  return untold;
}

process.on('message', (message: number | ReadRequest) => {
  void (async () => {
    if (typeof message === 'number') {
      const untold: number[] = [];
      for (let round = 0; round < message; round += 1) untold.push(...(await sweep()));
      process.send?.({ untold, own, refused });
      return;
    }
    const before = { own, refused };
    const entries: LogEntry[] = [];
    let trimmedThrough = 0;
    let count = 0;
    // Pages may be short.
    for (let after = message.after; after < message.through || count === 0; count += 1) {
      const page = await log.read({ ...message, after });
      entries.push(...page.entries);
      ({ through: after, trimmedThrough } = page);
    }
    process.send?.({ entries: entries.map(plain), trimmedThrough, isOwn: own - before.own === count });
  })();
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
