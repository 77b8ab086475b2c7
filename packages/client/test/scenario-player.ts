/** Plays the scenarios that a server names, in whatever runtime it was bundled for, and tells the server what was seen. */
import * as ours from '@tidings/client';
import type { Source, SourceClass, Stage } from './scenario-stage.ts';
import { type Agenda, folderOf } from './scenario.ts';
import { scenarios } from './scenarios.ts';

/** How long a scenario may take, in milliseconds, before what there is of its log is told. */
const LIMIT_MS = 120_000;

interface Runtime {
  readonly location?: object;
  readonly process?: {
    on(event: 'uncaughtException', report: (error: Error) => void): void;
  };
  readonly Deno?: object;
}
const runtime = globalThis as unknown as Runtime;

/** Settles when all have been played. */
export async function perform(origin: string): Promise<void> {
  const agenda = (await (await fetch(`${origin}/agenda`)).json()) as Agenda;
  const left = agenda.scenarios.values();
  const play = async (): Promise<void> => {
    for (const index of left) {
      const outcome = await playScenario(index, origin, agenda);
      await fetch(`${origin}${folderOf(index)}/control/outcome`, { method: 'POST', body: JSON.stringify(outcome) });
    }
  };
  await Promise.all(Array.from({ length: agenda.concurrency }, play));
}

/** Only browsers have a cache, and not every other runtime takes the option. */
const CONTROL: RequestInit = runtime.location === undefined ? {} : { cache: 'no-store' };

/** What becomes of exceptions that nobody catches, by the scenario whose number they name. */
const reports = new Map<string, (message: string) => void>();

/** Has exceptions that nobody catches told to the scenario that they name. */
export function listenForReports(): void {
  const report = (message: string): void => {
    const [, index = '', what = ''] = /scenario (\d+): (.*)/.exec(message) ?? [];
    reports.get(index)?.(what);
  };
  if (runtime.location === undefined && runtime.Deno === undefined) {
    runtime.process?.on('uncaughtException', ({ message }) => report(message));
    return;
  }
  globalThis.addEventListener('error', (event) => {
    event.preventDefault();
    report(event.message);
  });
}

async function playScenario(index: number, origin: string, agenda: Agenda): Promise<readonly string[]> {
  const SourceClass = (agenda.implementation === 'ours' ? ours.EventSource : globalThis.EventSource) as SourceClass;
  const path = folderOf(index);
  const log: string[] = [];
  const sources: Source[] = [];
  const control = async (what: string): Promise<void> => {
    await fetch(`${origin}${path}/control/${what}`, CONTROL);
  };
  const add = (line: string): void => {
    log.push(line.replaceAll(origin, '{origin}').replaceAll(agenda.other, '{other}').replaceAll(path, '{path}'));
  };
  reports.set(String(index), (what) => add(`reported ${what}`));
  const stage: Stage = {
    SourceClass,
    here: `${origin}${path}`,
    there: `${agenda.other}${path}`,
    nowhere: agenda.nowhere,
    add,
    fault: (what) => new Error(`scenario ${index}: ${what}`),
    open: (url, init) => {
      const source = new SourceClass(url, init);
      sources.push(source);
      return source;
    },
    watch: (source, { lines, types = [] }) =>
      new Promise((resolve) => {
        const seen = (line: string): void => {
          add(line);
          // After a failure nothing more would come.
          if (log.length !== lines && log.at(-1) !== lines && source.readyState !== 2) return;
          source.close();
          resolve();
        };
        for (const type of ['open', 'error']) source.addEventListener(type, () => seen(`${type} ${source.readyState}`));
        for (const type of ['message', ...types]) {
          source.addEventListener(type, (event) => {
            const { data, lastEventId, origin: from } = event as MessageEvent<string>;
            seen(`${type} ${source.readyState} ${JSON.stringify(data)} ${JSON.stringify(lastEventId)} ${from}`);
          });
        }
      }),
    received: (requests) => control(`received/${requests}`),
    go: () => control('go'),
  };

  const play = async (): Promise<void> => {
    await scenarios[index]?.client(stage);
    for (const source of sources) source.close();
    await control('gone');
    // What came late would come now.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
  };
  const limit = new Promise<void>((resolve) => {
    setTimeout(resolve, LIMIT_MS);
  }).then(() => void log.push('(more was expected)'));
  await Promise.race([play().catch((error: unknown) => void log.push(`failed: ${String(error)}`)), limit]);
  for (const source of sources) source.close();
  return log;
}
