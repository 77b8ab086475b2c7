import { describe, expect, test } from 'vitest';
import { Listener } from './listener.ts';
import { startHub } from './test-hub.ts';

const [STREAM, PAGE] = ['text/event-stream', 'application/json'];

/** What is answered to a request that accepts something: where a page is usual, and where a stream is. */
const ANSWERS: readonly (readonly [accept: string | undefined, pageIsUsual: string, streamIsUsual: string])[] = [
  [undefined, PAGE, STREAM],
  ['*/*', PAGE, STREAM],
  ['text/*', PAGE, STREAM],
  ['text/event-stream', STREAM, STREAM],
  ['Text/Event-Stream; q=0.5', STREAM, STREAM],
  ['application/json, text/event-stream', STREAM, STREAM],
  ['application/json;q=0.9, text/event-stream', STREAM, STREAM],
  ['text/event-stream, */*', STREAM, STREAM],
  ['application/json', PAGE, PAGE],
  ['application/json, text/event-stream;q=0.1', PAGE, PAGE],
  ['application/json, text/event-stream;q=0', PAGE, PAGE],
  ['application/json, text/event-stream; q = 0.000', PAGE, PAGE],
  ['text/event-stream;q=0', PAGE, PAGE],
  ['*/*, text/event-stream;q=0', PAGE, PAGE],
  ['application/json;q=0', PAGE, STREAM],
  ['text/html', PAGE, STREAM],
  ['x-text/event-stream', PAGE, STREAM],
];

describe('a request that accepts', () => {
  test.each(ANSWERS)(
    '%s gets a page or a stream, as it prefers, wherever there are both',
    async (accept, ...expected) => {
      const hub = await startHub();
      const headers = accept === undefined ? {} : { accept };
      const type = async (path: string): Promise<string | undefined> => {
        const answer = await Listener.open(hub.port, path, headers);
        answer.close();
        return answer.response.headers['content-type']?.split(';')[0];
      };
      const [page, stream] = expected;
      expect([await type('/topics'), await type('/listeners?topic=a'), await type('/topics/a?last=0')]).toEqual([
        page,
        page,
        stream,
      ]);
    },
  );
});
