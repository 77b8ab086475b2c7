import type { Form } from './forms.ts';

/** A client for pages, as a page uses it. */
export interface PageClient {
  readonly title: string;
  /** The npm packages that it is made of. */
  readonly packages: readonly string[];
  readonly form: Form;
  /** The body of the page. The events end up as paragraphs of the element `got`. `$URL` stands for the topic. */
  readonly markup: string;
  /** A module of the page, bundled with what it imports. It finds `url`, and `add(text)` which adds a paragraph. */
  readonly script: string;
  /** What it needs, and what it does not do, for the table. */
  readonly needs: string;
}

const GOT = '<div id="got"></div>';

/** Listens as the standard says, to gaps too. */
const LISTEN = `
  source.addEventListener('message', ({ data }) => add(data));
  source.addEventListener('tidings-gap', ({ data }) => add('gap ' + JSON.parse(data).reason));
`;

export const PAGE_CLIENTS: readonly PageClient[] = [
  {
    title: 'the browser’s `EventSource`',
    packages: [],
    form: 'text',
    markup: GOT,
    script: `const source = new EventSource(url, { withCredentials: true }); ${LISTEN}`,
    needs: 'Firefox’s stops for good where a connection is refused: a hub with `--supervise`, or another `EventSource`',
  },
  {
    title: '`EventSource` of @tidings/client',
    packages: ['@tidings/client'],
    form: 'text',
    markup: GOT,
    script: `import { EventSource } from '@tidings/client'; const source = new EventSource(url); ${LISTEN}`,
    needs: 'nothing',
  },
  {
    title: 'event-source-polyfill',
    packages: ['event-source-polyfill'],
    form: 'text',
    markup: GOT,
    script: `import { EventSourcePolyfill } from 'event-source-polyfill'; const source = new EventSourcePolyfill(url); ${LISTEN}`,
    needs:
      'nothing. It sends its position in the query, and reconnects after 45 silent seconds (`heartbeatTimeout`), so keep-alives must be more frequent',
  },
  {
    title: 'reconnecting-eventsource',
    packages: ['reconnecting-eventsource'],
    form: 'text',
    markup: GOT,
    script: `import ReconnectingEventSource from 'reconnecting-eventsource';
      const source = new ReconnectingEventSource(url); ${LISTEN}`,
    needs:
      'listeners by `addEventListener`: with `onmessage` alone it does not keep its position. One for `tidings-heartbeat` keeps it current while the topic is silent',
  },
  {
    title: 'sse.js',
    packages: ['sse.js'],
    form: 'text',
    markup: GOT,
    script: `import { SSE } from 'sse.js'; const source = new SSE(url, { autoReconnect: true }); ${LISTEN} source.stream();`,
    needs: '`autoReconnect: true`. It keeps all text of a connection in memory',
  },
  {
    title: 'eventsource',
    packages: ['eventsource'],
    form: 'text',
    markup: GOT,
    script: `import { EventSource } from 'eventsource'; const source = new EventSource(url); ${LISTEN}`,
    needs: 'nothing',
  },
  {
    title: 'fetch-event-source',
    packages: ['@microsoft/fetch-event-source'],
    form: 'text',
    markup: GOT,
    script: `import { fetchEventSource } from '@microsoft/fetch-event-source';
      fetchEventSource(url, {
        openWhenHidden: true,
        onmessage({ event, data }) {
          if (event === 'tidings-gap') add('gap ' + JSON.parse(data).reason);
          else if (data !== '') add(data);
        },
        onclose() {
          throw new Error('The stream ended');
        },
      });`,
    needs:
      'comments reach `onmessage` with empty data: leave those out. `onclose` has to throw, or it stops when a stream ends without an error, as at a restart. `openWhenHidden` for pages in the background',
  },
  {
    title: 'htmx 2 with htmx-ext-sse',
    packages: ['htmx.org', 'htmx-ext-sse'],
    form: 'html',
    markup: `<div hx-ext="sse" sse-connect="$URL"><div id="got" sse-swap="message" hx-swap="beforeend"></div></div>`,
    script: `import 'htmx.org'; import 'htmx-ext-sse';`,
    needs:
      'in Firefox it makes a new `EventSource` where a connection was refused, and that one has no position: a hub with `--supervise`, or the row below',
  },
  {
    title: 'htmx 2 with `EventSource` of @tidings/client',
    packages: [],
    form: 'html',
    markup: `<div hx-ext="sse" sse-connect="$URL"><div id="got" sse-swap="message" hx-swap="beforeend"></div></div>`,
    script: `import htmx from 'htmx.org'; import 'htmx-ext-sse'; import { EventSource } from '@tidings/client';
      htmx.createEventSource = (url) => new EventSource(url);`,
    needs: '`htmx.createEventSource = (url) => new EventSource(url)`',
  },
  {
    title: 'htmx 4',
    packages: ['htmx4'],
    form: 'html',
    markup: `<meta name="htmx-config" content='{"mode":"cors","sse":{"pauseOnBackground":false}}'><div id="got" hx-sse:connect="$URL" hx-swap="beforeend"></div>`,
    script: `globalThis.htmx = require('htmx4/dist/htmx.esm.js').default; require('htmx4/dist/ext/hx-sse.js');`,
    needs:
      '`mode: "cors"` in its configuration for a hub of another origin. Only events without a type are swapped. In the background it stops listening, unless `sse.pauseOnBackground` is `false`',
  },
  {
    title: 'Turbo',
    packages: ['@hotwired/turbo'],
    form: 'turbo',
    markup: `${GOT}<turbo-stream-source src="$URL"></turbo-stream-source>`,
    script: `import '@hotwired/turbo';`,
    needs: 'as the browser’s `EventSource`',
  },
  {
    title: 'Turbo with `EventSource` of @tidings/client',
    packages: [],
    form: 'turbo',
    markup: `${GOT}<turbo-stream-source src="$URL"></turbo-stream-source>`,
    script: `globalThis.EventSource = require('@tidings/client').EventSource; require('@hotwired/turbo');`,
    needs: '`globalThis.EventSource = EventSource` before the element is there',
  },
  {
    title: 'Datastar',
    packages: ['@starfederation/datastar'],
    form: 'datastar',
    markup: `${GOT}<div data-on-load="@get('$URL', { openWhenHidden: true })"></div>`,
    script: `import '@starfederation/datastar/bundles/datastar';`,
    needs:
      'events whose type is one of its own. It stops after 10 tries in vain (`retryMaxCount`), and when a stream ends without an error',
  },
];
