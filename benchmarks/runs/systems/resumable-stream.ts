import { ReadableStream as NodeStream } from 'node:stream/web';
import { createClient } from 'redis';
import { createResumableStreamContext } from 'resumable-stream';
import type { System } from '../system.ts';

/** @param elects whether an answer is begun with the function that goes on with one that there is, which the pages of the AI SDK do not use */
export async function resumableStream(place: string, elects: boolean): Promise<System> {
  const open = (): ReturnType<typeof createClient> => {
    const client = createClient({ url: place });
    // Without a listener, a connection that is lost ends the process.
    client.on('error', () => {});
    return client;
  };
  const [publisher, subscriber] = [open(), open()];
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const context = createResumableStreamContext({ waitUntil: null, publisher, subscriber });
  return {
    async produce(id, source) {
      let isProducer = false;
      const make = (): ReadableStream<string> => {
        isProducer = true;
        return NodeStream.from(source(new AbortController().signal)) as ReadableStream<string>;
      };
      await (elects ? context.resumableStream(id, make) : context.createNewResumableStream(id, make));
      return isProducer;
    },
    async *read(id) {
      const stream = await context.resumeExistingStream(id);
      if (stream === undefined) throw new Error('unknown');
      if (stream) yield* stream;
    },
  };
}
