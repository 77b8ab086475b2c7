// Runs a producer whose next chunk is always there, over a log in memory, and stops it when a timer fires. Tells how the run has ended. The argument is the kind of the producer.
import { MemoryLog } from '@tidings/server/log';
import { type RunProducer, Runs } from '@tidings/server/runs';
import { runDurability } from '@tidings/server/tanstack-ai';

const runs = new Runs({ log: new MemoryLog({ retention: { maxEvents: 1000 } }) });

const PRODUCERS: Readonly<Record<string, RunProducer>> = {
  append: async ({ append }) => {
    for (;;) await append('x');
  },
  flush: async ({ append, flush }) => {
    for (;;) {
      append('x').catch(() => {});
      await flush();
    }
  },
  iterable: async function* () {
    for (;;) yield 'x';
  },
  stream: () => new ReadableStream({ pull: (controller) => controller.enqueue('x') }),
};

/** A library that appends by itself. */
async function produceWithLibrary(): Promise<void> {
  const adapter = runDurability({ runId: 'a' }, { runs });
  for (;;) await adapter.append([{ type: 'CUSTOM' }]);
}

setTimeout(() => {
  void runs.stop('a').then(({ state }) => {
    console.log(state);
    process.exit();
  });
}, 1);

const [, , kind = ''] = process.argv;
const producer = PRODUCERS[kind];
// It is refused its next chunk when it is stopped.
if (producer) await runs.start('a', producer);
else await produceWithLibrary().catch(() => {});
