import { EventSource as OurEventSource } from '@tidings/client';
import { Log } from './log.ts';

const STATES = ['CONNECTING', 'OPEN', 'CLOSED'] as const;

export interface ListenOptions {
  /** Event types to log besides open, message and error. */
  readonly types?: readonly string[];
  /** Whether to ask the same server by its other name, which makes it another origin. */
  readonly otherOrigin?: boolean;
  readonly withCredentials?: boolean;
}

/** What all pages share: the way back, the switch between the clients, and below the example its state and its log. */
export class Stage {
  readonly log: Log;
  readonly #isOurs: boolean = new URL(location.href).searchParams.get('client') === 'tidings';
  readonly #state: Readonly<Record<'readyState' | 'url' | 'withCredentials', HTMLElement>>;

  constructor() {
    document.body.prepend(this.#navigation());
    const facts = document.createElement('dl');
    facts.className = 'facts';
    facts.id = 'state';
    this.#state = {
      readyState: fact(facts, 'readyState'),
      url: fact(facts, 'url'),
      withCredentials: fact(facts, 'withCredentials'),
    };
    const list = document.createElement('ol');
    list.id = 'log';
    list.tabIndex = 0;
    list.setAttribute('role', 'log');
    list.setAttribute('aria-label', 'What the EventSource dispatched');
    document.body.append(facts, list);
    this.log = new Log(list);
  }

  /** Begins to listen and logs what comes. */
  listen(path: string, options: ListenOptions = {}): EventSource {
    const source = this.source(path, options);
    this.show(source);
    source.addEventListener('open', () => {
      this.show(source);
      this.log.add('open', '');
    });
    source.addEventListener('error', () => {
      this.show(source);
      this.log.add('error', source.readyState === 2 ? 'closed for good' : 'reconnecting');
    });
    for (const type of ['message', ...(options.types ?? [])]) {
      source.addEventListener(type, ({ data, lastEventId }: MessageEvent<string>) => {
        this.log.add(type, data, lastEventId);
      });
    }
    return source;
  }

  /** A source of the client that the page's address names, without a word in the log. */
  source(path: string, { otherOrigin = false, withCredentials = false }: ListenOptions = {}): EventSource {
    const url = new URL(path, document.baseURI);
    if (otherOrigin) url.hostname = url.hostname === 'localhost' ? '127.0.0.1' : 'localhost';
    const Source = this.#isOurs ? OurEventSource : EventSource;
    return new Source(url, { withCredentials });
  }

  /** Ends a source by the page itself, which no event reports. */
  close(source: EventSource): void {
    source.close();
    this.show(source);
    this.log.add('close', 'by the page');
  }

  /** Shows the state of a source. */
  show({ readyState, url, withCredentials }: EventSource): void {
    this.#state.readyState.textContent = `${STATES[readyState] ?? ''} (${readyState})`;
    this.#state.url.textContent = url;
    this.#state.withCredentials.textContent = String(withCredentials);
  }

  #navigation(): HTMLElement {
    const nav = document.createElement('nav');
    // Served alone an example is the root, and there is nothing above it.
    const isRoot = new URL(document.baseURI).pathname === '/';
    if (!isRoot) nav.append(link('/', '← All examples'));
    const title = document.createElement('span');
    title.className = 'switch-name quiet';
    title.textContent = 'EventSource';
    const clients = document.createElement('span');
    clients.className = 'switch';
    clients.append(this.#client('Browser’s', false), this.#client('Ours', true));
    clients.setAttribute('role', 'group');
    clients.setAttribute('aria-label', 'Whose EventSource listens');
    nav.append(title, clients);
    return nav;
  }

  #client(text: string, isOurs: boolean): HTMLAnchorElement {
    const url = new URL(location.href);
    if (isOurs) url.searchParams.set('client', 'tidings');
    else url.searchParams.delete('client');
    const anchor = link(url.href, text);
    if (isOurs === this.#isOurs) anchor.setAttribute('aria-current', 'true');
    return anchor;
  }
}

/** The element with an id that the page's own HTML is sure to have. */
export function element<E extends HTMLElement = HTMLElement>(id: string, kind: new () => E): E {
  const found = document.querySelector(`#${id}`);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} with the id ${id}`);
  return found;
}

function link(href: string, text: string): HTMLAnchorElement {
  const anchor = document.createElement('a');
  anchor.href = href;
  anchor.textContent = text;
  return anchor;
}

function fact(list: HTMLElement, name: string): HTMLElement {
  const term = document.createElement('dt');
  term.textContent = name;
  const value = document.createElement('dd');
  value.id = name;
  value.textContent = '–';
  list.append(term, value);
  return value;
}
