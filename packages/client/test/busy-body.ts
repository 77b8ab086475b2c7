import type { Fetch } from '@tidings/client';

/** So many chunks take longer than a turn. Guards against a test that never ends. */
const MAX_CHUNKS = 100_000;

/** A fetch that gives a body whose next chunk is always there, until another task had its turn. */
export function busyFetch(kind: 'stream' | 'iterable'): { fetch: Fetch; hadTurn: () => boolean } {
  let hadTurn = false;
  const chunk = new TextEncoder().encode('data: a\n\n');
  async function* chunks(): AsyncGenerator<Uint8Array, undefined> {
    setTimeout(() => {
      hadTurn = true;
    });
    for (let count = 0; count < MAX_CHUNKS && !hadTurn; count++) yield chunk;
  }
  const fetch: Fetch = async (url) => {
    const iterator = chunks();
    const stream = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        async pull(controller) {
          const { value } = await iterator.next();
          if (value) controller.enqueue(value);
          else controller.close();
        },
      });
    const body = kind === 'stream' ? stream() : iterator;
    const headers = new Headers({ 'content-type': 'text/event-stream' });
    return { status: 200, url, redirected: false, headers, body };
  };
  return { fetch, hadTurn: () => hadTurn };
}
