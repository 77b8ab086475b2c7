// A client in a process of its own; the argument is its name. `listen URL` reads a stream to its last event, and answers figures.

import { checkOf, LAST_ID, type Total } from '../parts/event-streams.ts';
import type { Figures } from '../parts/rounds.ts';
import { cpuMicroseconds, obey } from '../servers/commands.ts';
import { CLIENTS, READING } from './clients.ts';

const name = process.argv[2] ?? '';
const load = CLIENTS[name];
if (!load) throw new Error(`There is no client ${name}; there are ${Object.keys(CLIENTS).join(', ')}`);
const listen = await load();

/** Reads all of a stream, and returns the total in its last event. Rejects if other events arrived. */
function readAll(url: string): Promise<Total> {
  return new Promise((resolve, reject) => {
    let events = 0;
    let sum = 0;
    const leave = listen(url, {
      onEvent(data, id) {
        if (id !== LAST_ID) {
          events += 1;
          sum += checkOf(data);
          return;
        }
        const total = JSON.parse(data) as Total;
        leave();
        if (name.endsWith(READING) || (events === total.events && sum === total.sum)) resolve(total);
        else reject(new Error(`${name} got ${events} events (${sum}) of ${total.events} (${total.sum})`));
      },
      onLost: (how) => reject(new Error(`${name} lost the stream after ${events} events: ${how}`)),
    });
  });
}

await obey({
  async listen(url = '') {
    const before = cpuMicroseconds();
    const start = performance.now();
    const { events } = await readAll(url);
    const seconds = (performance.now() - start) / 1000;
    const figures: Figures = { perSecond: events / seconds, cpu: (cpuMicroseconds() - before) / events };
    return JSON.stringify(figures);
  },
});
process.exit();
