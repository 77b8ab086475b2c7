import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FRAMES, RawClient, requestBlock, SecureHub } from './secure-hub.ts';

/** A frame that may mean anything: of any type and flags, on one of a few streams, a whole request among them. */
const frames = fc.array(
  fc.oneof(
    fc.record({
      type: fc.integer({ min: 0, max: 10 }),
      flags: fc.integer({ min: 0, max: 255 }),
      stream: fc.constantFrom(0, 1, 2, 3, 5, 2 ** 31 - 1),
      payload: fc.uint8Array({ maxLength: 64 }),
    }),
    fc.record({
      type: fc.constant(FRAMES.headers),
      flags: fc.constantFrom(4, 5),
      stream: fc.constantFrom(1, 3, 5),
      payload: fc.constantFrom(
        requestBlock('GET', '/topics/a'),
        requestBlock('POST', '/topics/a'),
        requestBlock('GET', '*'),
        requestBlock('GET', '/topics?last=1'),
      ),
    }),
    fc.record({
      type: fc.constant(FRAMES.data),
      flags: fc.constantFrom(0, 1),
      stream: fc.constantFrom(1, 3, 5),
      payload: fc.uint8Array({ maxLength: 64 }),
    }),
  ),
  { maxLength: 30 },
);

test('whatever frames come, the hub goes on, and nothing is left of the connection', async () => {
  const hub = await SecureHub.start();
  const others = await hub.connect();
  const listener = await others.listen('/topics/others');
  const connections = (): Promise<number> =>
    new Promise((resolve) => void hub.server.getConnections((_error, count) => resolve(count)));
  await fc.assert(
    fc.asyncProperty(frames, fc.boolean(), async (sent, isBroken) => {
      const raw = await RawClient.connect(hub);
      for (const { type, flags, stream, payload } of sent) raw.send(type, flags, stream, payload);
      if (isBroken) raw.socket.destroy();
      else raw.socket.end();
      await raw.closed;
    }),
    { numRuns: 300 },
  );
  await expect.poll(connections).toBe(1);
  await expect.poll(() => hub.hub.stats().listeners).toBe(1);
  await hub.publish('others', 'x');
  await listener.until('data: x');
  expect((await others.ask('GET', '/healthz')).status).toBe(200);
});
