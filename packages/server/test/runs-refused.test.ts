import { MemoryLog, type MemoryLogOptions } from '@tidings/server/log';
import { type NewChunk, type RunProducer, Runs } from '@tidings/server/runs';
import { expect, onTestFinished, test } from 'vitest';
import { deferred } from './deferred.ts';
import { FakeClock } from './fake-clock.ts';

function makeRuns(options: MemoryLogOptions = {}): Runs {
  // The time stands still: a run whose end waits for its lease does not end at all.
  const clock = new FakeClock();
  const log = new MemoryLog({ clock, ...options });
  onTestFinished(() => log.close());
  return new Runs({ log, clock, onError: () => {} });
}

async function made(runs: Runs, id: string, producer: RunProducer): Promise<{ over: unknown; items: unknown[] }> {
  const { over } = await runs.start(id, producer, { coalesceMs: 0 });
  const state = await over;
  const items: unknown[] = [];
  for await (const item of runs.resume(id)) {
    if (item.type === 'chunk')
      items.push(typeof item.data === 'string' ? item.data : Buffer.from(item.data).toString());
    else if (item.type === 'end') items.push([item.state, item.error]);
  }
  return { over: state, items };
}

test('a buffer may be used again as soon as its bytes are appended', async () => {
  const runs = makeRuns();
  const fill = async (bytes: Uint8Array): Promise<unknown[]> => {
    const { items } = await made(runs, bytes.constructor.name, async ({ append, flush }) => {
      for (const letter of 'abc') {
        bytes.fill(letter.charCodeAt(0));
        await append(bytes);
      }
      bytes.fill(0);
      await flush();
    });
    return items.slice(0, -1);
  };
  expect(await fill(new Uint8Array(4))).toEqual(['aaaa', 'bbbb', 'cccc']);
  expect(await fill(Buffer.alloc(4))).toEqual(['aaaa', 'bbbb', 'cccc']);
});

test('a chunk of a type that no event may have is refused at once, and what was appended before is stored', async () => {
  const runs = makeRuns();
  const types = [
    'a\nb',
    'a\u0000',
    'half \ud800',
    'x'.repeat(1025),
    'tidings-x',
    'tidings-gap',
    'tidings-closed',
    'run-end',
  ];
  for (const [at, event] of types.entries()) {
    let thrown: unknown;
    const { over, items } = await made(runs, `run ${at}`, ({ append }) => {
      for (let n = 0; n < 300; n += 1) void append('good');
      try {
        void append({ event, data: '' });
      } catch (error) {
        thrown = error;
        throw error;
      }
    });
    expect(thrown).toMatchObject({ code: 'ERR_INVALID_EVENT' });
    expect(over).toBe('failed');
    expect(items).toEqual([...Array.from({ length: 300 }, () => 'good'), ['failed', (thrown as Error).message]]);
  }
  const { over } = await made(runs, 'longest', async function* () {
    yield { event: 'x'.repeat(1024), data: '' };
    yield { event: '', data: '' };
  });
  expect(over).toBe('done');
});

test('a run with a chunk that its log refuses has failed at once, with all that was before the chunk', async () => {
  const tooLarge = 'x'.repeat(2000);
  const good = Array.from({ length: 100 }, (_, at) => `chunk ${at}`);
  const fails = async (producer: RunProducer): Promise<void> => {
    const { over, items } = await made(makeRuns({ maxEventBytes: 1000 }), 'a', producer);
    expect(over).toBe('failed');
    expect(items).toEqual([...good, ['failed', expect.stringContaining('the limit is 1000')]]);
  };
  const appendAll = (append: (chunk: NewChunk) => Promise<void>): void => {
    for (const chunk of [...good, tooLarge]) void append(chunk);
  };
  await fails(({ append }) => appendAll(append));
  await fails(async ({ append, flush }) => {
    appendAll(append);
    await flush();
  });
  const gone = deferred();
  await fails(async ({ append, signal }) => {
    signal.addEventListener('abort', () => gone.resolve());
    appendAll(append);
    await gone.promise;
    await append('behind');
  });
});

test('a log that takes smaller batches than a run makes gets them', async () => {
  const { over, items } = await made(makeRuns({ maxBatchEvents: 3 }), 'a', async ({ append }) => {
    for (let n = 0; n < 20; n += 1) void append(`${n}`);
  });
  expect([over, items.length]).toEqual(['done', 21]);
});
