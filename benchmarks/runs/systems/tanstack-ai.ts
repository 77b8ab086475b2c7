import { EventType, memoryStream } from '@tanstack/ai';
import type { System } from '../system.ts';

/** A reader that comes before the first chunk waits for it as long as this, in milliseconds. */
const FIRST_MS = 10_000;

export function tanstackMemory(): System {
  return {
    async produce(runId, source) {
      const durability = memoryStream({ runId });
      void (async () => {
        for await (const delta of source(new AbortController().signal)) {
          await durability.append([
            { type: EventType.TEXT_MESSAGE_CONTENT, messageId: 'm', delta, timestamp: Date.now() },
          ]);
        }
        await durability.close();
      })();
      return true;
    },
    async *read(runId) {
      for await (const { chunk } of memoryStream({ runId }, { firstChunkDeadlineMs: FIRST_MS }).read('-1')) {
        if (chunk.type === EventType.TEXT_MESSAGE_CONTENT) yield chunk.delta;
      }
    },
  };
}
