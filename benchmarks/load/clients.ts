import { LAST_ID } from '../parts/event-streams.ts';

export interface Handlers {
  /** Called for each event. */
  readonly onEvent: (data: string, id: string) => void;
  /** Called when the stream is lost. After `close` it does not matter. */
  readonly onLost: (how: string) => void;
}

/** Listens to a URL, and returns a function that ends this. */
export type Listen = (url: string, handlers: Handlers) => () => void;

/** What three EventSources have in common. */
interface EventSourceLike {
  addEventListener(type: 'message', listener: (event: { data: string; lastEventId: string }) => void): void;
  addEventListener(type: 'error', listener: () => void): void;
  close(): void;
}

/** What reads, and decodes nothing, is named so at its end. It hands over the last event alone. */
export const READING = ', only read';

/** The clients by their names. Each is loaded only in the process that it runs in. */
export const CLIENTS: Readonly<Record<string, () => Promise<Listen>>> = {
  'Tidings EventSource': async () => {
    const { EventSource } = await import('@tidings/client');
    return withEventSource((url) => new EventSource(url));
  },

  'Tidings subscribe()': async () => {
    const { subscribe } = await import('@tidings/client');
    return (url, { onEvent, onLost }) => {
      const subscription = subscribe(url);
      const loop = async (): Promise<void> => {
        try {
          for await (const { data, lastEventId } of subscription) onEvent(data, lastEventId);
          onLost('the iteration ended');
        } catch (error) {
          onLost(String(error));
        }
      };
      void loop();
      return () => subscription.close();
    };
  },

  eventsource: async () => {
    const { EventSource } = await import('eventsource');
    return withEventSource((url) => new EventSource(url));
  },

  'eventsource-client': async () => {
    const { createEventSource } = await import('eventsource-client');
    return (url, { onEvent, onLost }) => {
      const client = createEventSource({
        url,
        onMessage: ({ data, id = '' }) => onEvent(data, id),
        onDisconnect: () => onLost('it disconnected'),
      });
      return () => client.close();
    };
  },

  "undici's EventSource": async () => {
    process.removeAllListeners('warning'); // that it is experimental
    const { EventSource } = await import('undici');
    return withEventSource((url) => new EventSource(url));
  },

  '@microsoft/fetch-event-source': async () => {
    // It is made for pages, and uses no more of a page than this.
    Object.assign(globalThis, { window: globalThis, document: new EventTarget() });
    const { fetchEventSource } = await import('@microsoft/fetch-event-source');
    return (url, { onEvent, onLost }) => {
      const controller = new AbortController();
      void fetchEventSource(url, {
        signal: controller.signal,
        openWhenHidden: true,
        onmessage: ({ data, id }) => onEvent(data, id),
        onclose: () => onLost('the stream ended'),
        onerror: (error) => onLost(String(error)),
      });
      return () => controller.abort();
    };
  },

  [`node:http${READING}`]: async () => {
    const { get } = await import('node:http');
    return (url, handlers) => {
      const request = get(url, (response) => {
        readOnly(response, handlers).catch((error: unknown) => handlers.onLost(String(error)));
      });
      request.on('error', (error) => handlers.onLost(error.message));
      return () => request.destroy();
    };
  },

  [`fetch${READING}`]: async () => (url, handlers) => {
    const controller = new AbortController();
    fetch(url, { signal: controller.signal })
      .then(({ body }) => readOnly(body ?? [], handlers))
      .catch((error: unknown) => handlers.onLost(String(error)));
    return () => controller.abort();
  },
};

function withEventSource(open: (url: string) => EventSourceLike): Listen {
  return (url, { onEvent, onLost }) => {
    const source = open(url);
    source.addEventListener('message', ({ data, lastEventId }) => onEvent(data, lastEventId));
    source.addEventListener('error', () => onLost('an error event'));
    return () => source.close();
  };
}

async function readOnly(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, handlers: Handlers): Promise<void> {
  let before: Uint8Array = Buffer.alloc(0);
  let last: Uint8Array = Buffer.alloc(0);
  for await (const chunk of body) [before, last] = [last, chunk];
  const [, data] = /data: (.+)\n\n$/.exec(Buffer.concat([before, last]).toString()) ?? [];
  if (data === undefined) handlers.onLost('the last event is missing');
  else handlers.onEvent(data, LAST_ID);
}
