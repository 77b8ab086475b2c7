// A producer or a reader of a run at a hub, in a process of its own, which is killed. It says in lines of JSON what it has come to.
// Arguments: producer <hub> <id> <lease in ms> <chunks> <done, fail or stop>, or reader <hub> <id> [the last event ID]

import { argv, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { Runs } from '@tidings/server/runs';

const [, , role, hub = '', id = '', ...rest] = argv;

// A hub that is away for longer than the lease is part of the test.
const runs = new Runs({ hub, onError: () => {} });

function say(message: unknown): void {
  stdout.write(`${JSON.stringify(message)}\n`);
}

async function produce(lease = '', count = '', ending = ''): Promise<void> {
  const started = runs.start(
    id,
    async ({ append, flush, signal }) => {
      for (let n = 0; n < Number(count); n += 1) {
        await append(String(n));
        if (n % 5 === 4) {
          await flush();
          say({ stored: n + 1 });
          await wait(10);
        }
      }
      if (ending === 'fail') throw new Error('as it was told to');
      if (ending === 'stop' && !signal.aborted) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      }
    },
    { lease: Number(lease), ttl: '1h' },
  );
  try {
    const { isProducer, over } = await started;
    say({ isProducer });
    say({ over: await over });
  } catch (error) {
    // The hub was away for longer than is waited for it, or for longer than the lease before the run had begun.
    const { code } = error as { readonly code?: unknown };
    if (code !== 'ERR_STORE_AWAY' && code !== 'ERR_RUN_OVER') throw error;
    say({ isProducer: false });
  }
}

async function read(lastEventId?: string): Promise<void> {
  for await (const item of runs.resume(id, { lastEventId })) say(item);
}

await (role === 'producer' ? produce(...rest) : read(...rest));
