/** Plays scenarios in a runtime or in a page, which may hand them to a worker instead. */
import { listenForReports, perform } from './scenario-player.ts';

interface Runtime {
  readonly document?: object;
  readonly location?: { readonly origin: string; readonly search: string };
  readonly process?: { readonly argv: readonly string[]; exit(code: number): void };
}
const runtime = globalThis as unknown as Runtime;

/** In a page, `?context=` says where to play. */
async function begin(): Promise<void> {
  const { location, document, process } = runtime;
  const context = new URLSearchParams(location?.search).get('context');
  if (document !== undefined && context === 'worker') {
    new Worker('/agent.js');
  } else if (document !== undefined && context === 'shared worker') {
    new SharedWorker('/agent.js');
  } else {
    listenForReports();
    await perform(location?.origin ?? process?.argv.at(-1) ?? '');
    // The limits of scenarios that have ended would keep a process alive.
    if (location === undefined) process?.exit(0);
  }
}

void begin();
