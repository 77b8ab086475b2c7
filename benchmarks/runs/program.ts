// An instance of an application, in a process of its own. The arguments are a system and the place of its store. It makes and reads answers, in the background, as the lines on
// its standard input say.

import { obey } from '../servers/commands.ts';
import { quantile } from '../parts/median.ts';
import type { Source, System } from './system.ts';
import { assistantStream } from './systems/assistant-stream.ts';
import { resumableStream } from './systems/resumable-stream.ts';
import { tanstackMemory } from './systems/tanstack-ai.ts';
import { tidings } from './systems/tidings.ts';

const SYSTEMS: Readonly<Record<string, (place: string) => Promise<System> | System>> = {
  tidings,
  'tidings-0': (place) => tidings(place, 0),
  'resumable-stream': (place) => resumableStream(place, false),
  'resumable-stream-elects': (place) => resumableStream(place, true),
  'assistant-stream': assistantStream,
  'tanstack-ai': tanstackMemory,
};

/** A clock that all processes of the machine share, in microseconds. */
const now = (): number => Number(process.hrtime.bigint() / 1000n);

const wait = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, Math.max(0, ms)));

const [, , name = '', place = ''] = process.argv;
const system = await SYSTEMS[name]?.(place);
if (!system) throw new Error(`There is no system ${name}`);

/** The tokens make their way from here on. */
let go = (): void => {};
const going = new Promise<void>((resolve) => {
  go = resolve;
});

/** When the signals of producers were aborted, by their answers, in microseconds. */
const aborted = new Map<string, number>();

/** Tokens at an even pace, each with its number and when it was made. The last one is followed by the end. */
function source(id: string, label: string, count: number, everyMs: number, offsetMs: number): Source {
  return async function* (signal) {
    signal.addEventListener('abort', () => aborted.set(id, now()), { once: true });
    await going;
    const start = performance.now() + offsetMs;
    for (let number = 0; number < count; number += 1) {
      await wait(start + number * everyMs - performance.now());
      yield `${label}${number}:${now()}\n`;
    }
  };
}

/** What a reader has got so far. */
interface Reading {
  /** The tokens, without their times. */
  readonly tokens: string[];
  /** How long each was on its way, in microseconds. */
  readonly delays: number[];
  /** How it has ended: `end`, or what was thrown. */
  ended?: string;
  readonly over: Promise<void>;
}

const readings = new Map<string, Reading>();

/** @param skip how many tokens at the start are not measured */
function read(id: string, skip: number): Reading {
  const tokens: string[] = [];
  const delays: number[] = [];
  const follow = async (): Promise<void> => {
    let rest = '';
    for await (const piece of system!.read(id)) {
      const at = now();
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [token = '', made] = line.split(':');
        if (tokens.length >= skip) delays.push(at - Number(made));
        tokens.push(token);
      }
    }
  };
  const reading: Reading = {
    tokens,
    delays,
    over: follow().then(
      () => void (reading.ended = 'end'),
      (error: unknown) => void (reading.ended = error instanceof Error ? error.message : String(error)),
    ),
  };
  return reading;
}

await obey({
  ready: () => 'ready',
  go: () => go(),
  /** Becomes the producer of an answer, or not. */
  async make(id = '', label = '', count = '', everyMs = '') {
    return String(await system.produce(id, source(id, label, Number(count), Number(everyMs), 0)));
  },
  /** Becomes the producer of many answers at once. */
  async 'make-many'(count = '', tokens = '', everyMs = '') {
    const every = Number(everyMs);
    for (let number = 0; number < Number(count); number += 1) {
      const offset = (number * every) / Number(count);
      await system.produce(`many-${number}`, source(`many-${number}`, '', Number(tokens), every, offset));
    }
    return 'made';
  },
  read(id = '', as = id) {
    readings.set(as, read(id, 0));
    return 'reading';
  },
  /** What a reader has got. */
  got(as = '') {
    const { tokens = [], ended } = readings.get(as) ?? {};
    return JSON.stringify({ tokens, ended });
  },
  'read-many'(count = '', skip = '') {
    for (let number = 0; number < Number(count); number += 1) {
      readings.set(`many-${number}`, read(`many-${number}`, Number(skip)));
    }
    return 'reading';
  },
  /** Waits for the ends of all of them. Answers figures. */
  async measured(count = '') {
    const all = [...readings.values()];
    await Promise.all(all.map(({ over }) => over));
    const wrong = all.find(
      ({ tokens, ended }) =>
        ended !== 'end' || tokens.length !== Number(count) || tokens.some((token, at) => token !== String(at)),
    );
    if (wrong) return JSON.stringify({ wrong: `${wrong.tokens.length} tokens, ${wrong.ended}` });
    const delays = all.flatMap((reading) => reading.delays);
    return JSON.stringify({
      p50: quantile(delays, 0.5) / 1000,
      p99: quantile(delays, 0.99) / 1000,
      count: delays.length,
    });
  },
  async stop(id = '') {
    if (!system.stop) return 'no way';
    await system.stop(id);
    return 'stopped';
  },
  /** Asks for a stop, and answers when it did so, without waiting for what becomes of it. */
  'ask-stop'(id = '') {
    const at = now();
    void system.stop?.(id);
    return String(at);
  },
  /** When the signal of a producer was aborted; nothing if it was not. */
  aborted: (id = '') => String(aborted.get(id) ?? ''),
});
process.exit();
