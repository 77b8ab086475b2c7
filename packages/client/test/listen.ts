import type { ListenerPlan } from './scenarios.ts';

/** What is used of an `EventSource` here, ours or a browser's. */
interface Source {
  readonly readyState: number;
  addEventListener(type: string, listener: (event: Event) => void): void;
  close(): void;
}

/**
 * Carries out a plan and resolves to the log once it has its lines and the runtime has had a turn to add more. Uses
 * nothing from outside itself, so that its source text can be sent to a browser.
 */
export function listen(
  EventSourceClass: new (url: string, init?: { withCredentials?: boolean }) => Source,
  plan: ListenerPlan,
  gone: () => Promise<void>,
): Promise<string[]> {
  const log: string[] = [];
  const source = new EventSourceClass(plan.url, { withCredentials: plan.withCredentials ?? false });
  return new Promise((resolve, reject) => {
    const add = (line: string): void => {
      log.push(line);
      if (log.length !== plan.lines) return;
      source.close();
      gone().then(() => resolve(log), reject);
    };
    for (const type of ['open', 'error']) {
      source.addEventListener(type, () => add(`${type} ${source.readyState}`));
    }
    for (const type of ['message', ...(plan.types ?? [])]) {
      source.addEventListener(type, (event) => {
        const { data, lastEventId, origin } = event as MessageEvent<string>;
        add(`${type} ${source.readyState} ${JSON.stringify(data)} ${JSON.stringify(lastEventId)} ${origin}`);
      });
    }
  });
}
