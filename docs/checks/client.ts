/** An event, as a client returned it. */
export interface Heard {
  readonly type: string;
  readonly data: string;
}

/** What is done with an event. It may throw, or be slow by the promise that it returns. */
export type Handler = (event: Heard) => unknown;

/** The features of a client beyond listening. */
export interface Wishes {
  post?: string;
  /** Called for the headers of each try. */
  headers?: () => Record<string, string>;
  signal?: AbortSignal;
  lastEventId?: string;
  idleTimeoutMs?: number;
  /** Leaves out, or marks, events whose data is not a number. */
  numbersOnly?: true;
  store?: { get: () => string; set: (id: string) => void };
  /** Called with the status of a response that is no event stream. */
  onStatus?: (status: number) => void;
}

/** One column of the comparison. */
export interface Client {
  readonly title: string;
  /** The npm package. */
  readonly name: string;
  readonly kind: 'client' | 'parser';
  /** Begins to listen, and returns a function that ends it. */
  listen(url: string, handler: Handler, wishes?: Wishes): () => void;
  /** How a wish is granted: `yes` for an option of its own. One that is not here has no option in the package's type declarations. */
  readonly ways: Readonly<Partial<Record<keyof Wishes, string>>>;
  /** Its events as an async iterable, if it has one. */
  readonly iterate?: (url: string) => AsyncIterable<Heard>;
  /** Whether handlers are called, so that one can throw. Otherwise the events are those of a loop. */
  readonly calls: boolean;
  /** The code that a page would import. Absent if the client is not for pages. */
  readonly bundle?: string;
}
