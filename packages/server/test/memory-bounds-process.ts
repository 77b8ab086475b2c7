// A log in memory that keeps 20 MiB, in a process with a small heap: whatever is appended fits.
import { MemoryLog, type NewEvent } from '@tidings/server/log';

const event = (topic: string, data = '', id?: string): NewEvent => ({
  topics: [topic],
  fields: { data, ...(id === undefined ? {} : { id }) },
});

const SHAPES: Readonly<Record<string, (n: number) => NewEvent>> = {
  'tiny events': () => event('a'),
  'long names of topics': (n) => event(String(n).padStart(1000, 'n')),
  'wide names of topics': (n) => event(String(n).padStart(340, 'ж')),
  'many topics': (n) => event(String(n)),
  ids: (n) => event('a', '', String(n).padStart(500, 'i')),
  'many topics each': (n) => ({ topics: Array.from({ length: 50 }, (_, k) => `${n % 10} ${k}`), fields: { data: '' } }),
  types: (n) => ({ topics: ['a'], fields: { data: '', event: String(n).padStart(500, 'e') } }),
  'large events': () => event('a', 'x'.repeat(100_000)),
};

const log = new MemoryLog({ retention: { maxBytes: 20 * 1024 * 1024 } });
const latest = new MemoryLog({ retention: { maxBytes: 1024 * 1024 }, latestByKey: true });
for (const [what, make] of Object.entries(SHAPES)) {
  const count = what === 'large events' || what === 'many topics each' ? 1000 : 30_000;
  for (let n = 0; n < count; n += 500) await log.append(Array.from({ length: 500 }, (_, k) => make(n + k)));
  process.stdout.write(`${what}\n`);
}
for (let n = 0; n < 15_000; n += 1) await log.append([event('a')], { key: String(n).padStart(500, 'k') });
process.stdout.write('keys\n');
for (let n = 0; n < 15_000; n += 1) {
  await latest.append([{ ...event('a'), latestKey: String(n).padStart(500, 'k') }]);
}
process.stdout.write('latest by key\n');
