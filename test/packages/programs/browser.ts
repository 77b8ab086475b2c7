// oxlint-disable unicorn/prefer-add-event-listener -- the attributes are compiled here too
// Compiled with the packed packages where the libraries of a program are those of browsers.
import { EventSource, subscribe } from '@tidings/client';
import { decodeEventStream, type EventMessage, EventStreamDecoderStream } from '@tidings/wire';

/** Our class stands in for the DOM's. */
export const Source: typeof globalThis.EventSource = EventSource;
export const source: globalThis.EventSource = new EventSource(new URL('https://example.org'), { fetch });

source.onmessage = (event: MessageEvent<string>) => void event.data;

export class Prices extends EventSource {
  last = '';

  constructor(init?: EventSourceInit) {
    super(location.href, init);
    this.onmessage = (event: MessageEvent<string>) => {
      this.last = event.data;
    };
  }
}

export async function answer(question: FormData, { signal }: AbortController): Promise<void> {
  const headers = new Headers({ accept: 'text/event-stream' });
  const own = subscribe('/answers', {
    method: 'POST',
    headers,
    body: question,
    signal,
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, a: 'b' } }),
  });
  for await (const event of own) void event.data;
}

export async function decode({ body }: Response): Promise<void> {
  if (!body) return;
  const [one, other] = body.tee();
  const events: ReadableStream<EventMessage> = one.pipeThrough(new EventStreamDecoderStream());
  const { value } = await events.getReader().read();
  const data: string | undefined = value?.data;
  for await (const event of decodeEventStream(other)) void [event.data, data];
}
