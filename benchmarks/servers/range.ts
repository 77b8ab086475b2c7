// Reads the data folder of a hub, which may be running, as LMDB's package alone reads it. The argument is the folder.

import { open } from 'lmdb';
import { cpuMicroseconds, obey } from './commands.ts';

const root = open({ path: process.argv[2] ?? '', maxDbs: 16, readOnly: true });
const records = root.openDB<Buffer, number>({ name: 'events', encoding: 'binary' });

await obey({
  /** Reads the first records as one range. Answers figures. */
  read(count) {
    const end = Number(count) + 1;
    let bytes = 0;
    const before = cpuMicroseconds();
    const start = performance.now();
    for (const { value } of records.getRange({ start: 1, end })) bytes += value.length;
    const seconds = (performance.now() - start) / 1000;
    const cpu = cpuMicroseconds() - before;
    const events = end - 1;
    return JSON.stringify({ perSecond: events / seconds, megabytes: bytes / 1e6 / seconds, cpu: cpu / events });
  },
});
await root.close();
