import { decodeEventStream, type EventMessage } from '@tidings/wire';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../../test/end-to-end/hub.ts';
import { program, RunningProgram, strictErrors, whenUp } from '../../../test/program.ts';

const PAGE = 'docs/moving-from-better-sse.md';

/** The first events of a response, which is then given up. */
async function firstEvents(response: Response, count: number): Promise<readonly EventMessage[]> {
  const events: EventMessage[] = [];
  for await (const event of decodeEventStream(response.body!)) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

/** Runs the program of the page that has the word. */
async function start(word: string): Promise<{ url: string; server: RunningProgram }> {
  const code = program(PAGE, 'js', word);
  expect(await strictErrors(code)).toBe('');
  const port = await freePort();
  return {
    url: `http://127.0.0.1:${port}/`,
    server: RunningProgram.node(code.replace('listen(3000)', `listen(${port})`)),
  };
}

describe('the page for those who come from better-sse', () => {
  test('has a session that goes on where its listener was', async () => {
    const { url, server } = await start('stream.send');
    const events = await firstEvents(await whenUp(server, url), 2);
    expect(events).toEqual([
      { type: 'count', lastEventId: '1', data: '{"n":1}' },
      { type: 'count', lastEventId: '2', data: '{"n":2}' },
    ]);
    const again = await fetch(url, { headers: { 'last-event-id': '2' } });
    expect(await firstEvents(again, 1)).toEqual([{ type: 'count', lastEventId: '3', data: '{"n":3}' }]);
  });

  test('has a channel whose listeners get what they missed', async () => {
    const { url, server } = await start('news.publish');
    const first = await (await whenUp(server, url, { method: 'POST' })).text();
    const second = await (await fetch(url, { method: 'POST' })).text();
    const again = await fetch(url, { headers: { 'last-event-id': first } });
    expect(await firstEvents(again, 1)).toEqual([{ type: 'story', lastEventId: second, data: '{"title":"It rains"}' }]);
  });
});
