/** What is used of an `EventSource`, ours or a browser's. */
export interface Source extends EventTarget {
  readonly url: string;
  readonly withCredentials: boolean;
  readonly readyState: number;
  onopen: unknown;
  onmessage: unknown;
  onerror: unknown;
  addEventListener(type: 'message', listener: (event: MessageEvent<string>) => void): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject): void;
  close(): void;
}

export interface SourceClass {
  readonly prototype: object;
  new (url: string, init?: { withCredentials?: boolean }): Source;
}

/** What a client is given to play a scenario with. It uses only what every runtime has. */
export interface Stage {
  readonly SourceClass: SourceClass;
  /** The scenario's folder on the server, by its first and by its other origin. */
  readonly here: string;
  readonly there: string;
  /** A URL that refuses connections. */
  readonly nowhere: string;
  /** Adds a line to the log. In it, {origin} and {other} stand for the origins and {path} for the folder. */
  add(line: string): void;
  /** An exception for a listener to throw. The platform's report of it adds `reported WHAT` to the log. */
  fault(what: string): Error;
  /** A source that is closed at the end of the scenario if it was not before. */
  open(url: string, init?: { withCredentials?: boolean }): Source;
  /** Adds a source's events to the log, and settles when it has closed it, which it does as it adds that line. */
  watch(source: Source, plan: WatchPlan): Promise<void>;
  /** Settles when the server has had that many requests for the scenario. */
  received(requests: number): Promise<void>;
  /** Lets the server go on that waits. */
  go(): Promise<void>;
}

export type Client = (stage: Stage) => void | Promise<void>;

export interface WatchPlan {
  /** How long the log is when the source is closed, or the line that is its last one. */
  readonly lines: number | string;
  /** Event types listened for besides open, message and error. */
  readonly types?: readonly string[];
}

/** Settles after `ms` milliseconds, for what must not happen meanwhile. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * The client of most scenarios: it listens until its log is long enough. The lines are `open READYSTATE`,
 * `error READYSTATE`, and for other events `TYPE READYSTATE "data" "lastEventId" origin`.
 */
export function listen(
  lines: WatchPlan['lines'],
  plan: { url?: (stage: Stage) => string; types?: readonly string[]; withCredentials?: boolean } = {},
): Client {
  return (stage) => {
    const url = plan.url?.(stage) ?? `${stage.here}/stream`;
    const source = stage.open(url, plan.withCredentials === undefined ? {} : { withCredentials: plan.withCredentials });
    return stage.watch(source, { lines, types: plan.types ?? [] });
  };
}
