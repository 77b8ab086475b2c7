import { createResumableStreamContext } from 'assistant-stream/resumable';
import { createRedisResumableStreamStore } from 'assistant-stream/resumable/redis';
import { createClient } from 'redis';
import type { System } from '../system.ts';

export async function assistantStream(place: string): Promise<System> {
  const client = createClient({ url: place });
  client.on('error', () => {});
  await client.connect();
  const roles = new Map<string, string>();
  const context = createResumableStreamContext({
    store: createRedisResumableStreamStore(client),
    onAcquire: (id, role) => roles.set(id, role),
  });
  return {
    async produce(id, source) {
      const gone = new AbortController();
      const encoder = new TextEncoder();
      const make = (): ReadableStream<Uint8Array> => {
        const tokens = source(gone.signal);
        return new ReadableStream({
          async pull(controller) {
            const { done, value } = await tokens.next();
            if (done === true) controller.close();
            else controller.enqueue(encoder.encode(value));
          },
          cancel: () => gone.abort(),
        });
      };
      // Nobody reads what it is answered.
      await (await context.run(id, make)).cancel();
      return roles.get(id) === 'producer';
    },
    async *read(id) {
      const decoder = new TextDecoder();
      const stream = await context.requireResume(id);
      for await (const bytes of stream) yield decoder.decode(bytes, { stream: true });
    },
    // There is no other way: what was made is gone with it.
    stop: (id) => context.delete(id),
  };
}
