// oxlint-disable unicorn/prefer-add-event-listener -- the attributes are tested here too
import { EventSource, type EventSourceErrorEvent } from '@tidings/client';
import { expect, test } from 'vitest';
import { ScriptedFetch } from './scripted-fetch.ts';

/** What a program that was written for the DOM's EventSource does with one. */
function listenAsInTheDom(Source: typeof globalThis.EventSource): globalThis.EventSource {
  const source: globalThis.EventSource = new Source('http://tidings.test/', { withCredentials: true });
  source.onopen = function (event) {
    void [this.readyState === Source.OPEN, event.type];
  };
  source.onmessage = (event: MessageEvent<string>) => void event.data;
  source.onerror = (event: Event) => void event.type;
  source.addEventListener('message', (event) => void event.data);
  source.addEventListener('other', (event) => void event.lastEventId);
  const state: number = source.readyState;
  expect(state).toBe(source.CONNECTING);
  return source;
}

test('the class stands in for the one of the DOM, its types too', () => {
  const fetch = new ScriptedFetch().fetch;
  class Source extends EventSource {
    constructor(url: string | URL, init?: EventSourceInit) {
      super(url, { ...init, fetch });
    }
  }
  const OurClass: typeof globalThis.EventSource = EventSource;
  expect(OurClass.CLOSED).toBe(2);
  const source = listenAsInTheDom(Source);
  expect(source.withCredentials).toBe(true);
  source.close();
});

test('a handler of ours knows more of an error than the DOM says', () => {
  const source = new EventSource('http://tidings.test/', { fetch: new ScriptedFetch().fetch });
  source.onerror = (event) => {
    const { code, message, status, cause }: EventSourceErrorEvent = event;
    void [code, message, status, cause.willRetry];
  };
  source.addEventListener('error', ({ cause }) => void cause.attempt);
  expect(source.onerror).toBeTypeOf('function');
  source.close();
});
