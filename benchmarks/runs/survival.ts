import { setTimeout as wait } from 'node:timers/promises';
import { Instance, type Got } from './instance.ts';
import type { Store } from './stores.ts';

/** A system, and how to start a store for it. */
export interface Candidate {
  readonly name: string;
  readonly system: string;
  readonly open: () => Promise<Store> | Store;
}

/** How many tokens an answer has, how often one is made, and how many of them are there when something happens. */
const TOKENS = 300;
const EVERY_MS = 20;
const HALF = 20;

/** How long a reader is given to learn that nothing more comes, in milliseconds. */
const PATIENCE_MS = 30_000;

/** What happens to an answer, and what becomes of it. */
export const EXPERIMENTS: Readonly<Record<string, (candidate: Candidate) => Promise<string>>> = {
  'the page is reloaded': (candidate) =>
    inTwo(candidate, async (maker, reader) => {
      await maker.ask(`make a t ${TOKENS} ${EVERY_MS}`);
      maker.tell('go');
      await reader.ask('read a before');
      await reader.until('before', HALF, PATIENCE_MS);
      await reader.ask('read a after');
      return verdict(await reader.until('after', Number.POSITIVE_INFINITY, PATIENCE_MS));
    }),
  'the producer is killed': (candidate) =>
    inTwo(candidate, async (maker, reader, again) => {
      await maker.ask(`make a t ${TOKENS} ${EVERY_MS}`);
      maker.tell('go');
      await reader.ask('read a');
      await reader.until('a', HALF, PATIENCE_MS);
      maker.kill();
      const killedAt = performance.now();
      // The one that reads may have died with it.
      const alive = reader === maker ? await again() : reader;
      const had = reader === maker ? undefined : await reader.until('a', Number.POSITIVE_INFINITY, PATIENCE_MS);
      const told = figureOfSeconds(performance.now() - killedAt);
      await alive.ask('read a later');
      const late = await alive.until('later', Number.POSITIVE_INFINITY, had?.ended === undefined ? 5000 : PATIENCE_MS);
      const readers =
        had === undefined
          ? ''
          : had.ended === undefined
            ? '; its reader waits'
            : `; its reader is told after ${told} s`;
      return late.tokens.length >= HALF ? `kept${readers}` : `lost${readers}`;
    }),
  'the store is killed': async (candidate) => {
    const store = await candidate.open();
    const isOfItsOwn = store.pids().length > 0;
    await store.stop();
    if (!isOfItsOwn) return '–';
    return await inTwo(candidate, async (maker, reader, again, place) => {
      await maker.ask(`make a t ${TOKENS} ${EVERY_MS}`);
      maker.tell('go');
      await reader.ask('read a');
      await reader.until('a', HALF, PATIENCE_MS);
      await place.kill();
      await wait(500);
      await place.restart();
      // While it is still made.
      const alive = await again();
      await alive.ask('read a later');
      const reading = await reader.until('a', TOKENS, PATIENCE_MS);
      const late = await alive.until('later', TOKENS, 5000);
      const isAlive = await maker.ask('ready').then(
        () => true,
        () => false,
      );
      return `reader: ${verdict(reading)}; reload: ${verdict(late)}${isAlive ? '' : '; the producer’s process has ended'}`;
    });
  },
  'it is stopped at another instance': (candidate) =>
    inTwo(candidate, async (maker, reader) => {
      await maker.ask(`make a t 100000 ${EVERY_MS}`);
      maker.tell('go');
      await reader.ask('read a');
      await reader.until('a', HALF, PATIENCE_MS);
      if ((await reader.ask('stop a')) === 'no way') return 'no way to';
      await wait(200);
      const isAborted = (await maker.ask('aborted a')) !== '';
      await reader.ask('read a later');
      const late = await reader.until('later', Number.POSITIVE_INFINITY, 5000);
      return `${isAborted ? 'stops' : 'goes on'}; what there was is ${late.tokens.length >= HALF ? 'kept' : 'gone'}`;
    }),
  'two produce it': (candidate) =>
    inTwo(candidate, async (one, other) => {
      const made = await Promise.all([
        one.ask(`make a one- ${TOKENS} ${EVERY_MS}`),
        other.ask(`make a two- ${TOKENS} ${EVERY_MS}`),
      ]);
      await other.ask('read a');
      one.tell('go');
      other.tell('go');
      const { tokens } = await other.until('a', 2 * TOKENS, 10_000);
      const makers = new Set(tokens.map((token) => token.split('-')[0]));
      const producers = made.filter((is) => is === 'true').length;
      return `${producers === 1 ? 'one runs' : 'both run'}; ${makers.size === 1 ? 'the text is of one' : 'their texts are mixed'}`;
    }),
};

type Experiment = (
  maker: Instance,
  /** Another instance, where the store has a process of its own; else the same. */
  other: Instance,
  /** Starts one more. */
  again: () => Promise<Instance>,
  store: Store,
) => Promise<string>;

async function inTwo({ system, open }: Candidate, experiment: Experiment): Promise<string> {
  const store = await open();
  const started: Instance[] = [];
  const start = async (): Promise<Instance> => {
    const instance = await Instance.start(system, store.place);
    started.push(instance);
    return instance;
  };
  try {
    const maker = await start();
    const other = store.pids().length > 0 ? await start() : maker;
    return await experiment(maker, other, start, store);
  } catch (error) {
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    for (const instance of started) instance.kill();
    await store.stop();
  }
}

/** Whether a reader has got all tokens, each once and in order, and how its reading has ended. */
function verdict({ tokens, ended }: Got): string {
  const isOrdered = tokens.every((token, at) => token === `t${at}`);
  if (isOrdered && tokens.length === TOKENS) return 'all of it';
  if (!isOrdered) return `${new Set(tokens).size} of ${TOKENS} tokens, with holes`;
  const how =
    ended === undefined ? ', and waits' : ended === 'end' ? ', as if that were all' : `, and is told: ${ended}`;
  return `${tokens.length} of ${TOKENS} tokens${how}`;
}

function figureOfSeconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
