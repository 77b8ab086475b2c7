import { expect, test } from 'vitest';
import { frame, Rig } from './fan-out-rig.ts';

const VIEW = { key: 'a b', selection: { topics: ['a', 'b'] } };
const gap = (after: string, resumedAt: number, through?: number): string => {
  const told = { after, resumedAt: `e.${resumedAt}`, reason: 'trimmed', through: through && `e.${through}` };
  return `id: e.${resumedAt}\ndata: ${JSON.stringify(told)}\n\n`;
};

test('what is trimmed after a gap was told, before the place up to which it told of, is told by another', async () => {
  const retention = { perTopic: [{ topics: ['b'], maxEvents: 1 }] };
  const rig = new Rig({ retention, maxBacklogBytes: 4096 });
  const large = 'x'.repeat(3000);
  await rig.publish('a', large, large, large, large);
  await rig.publish('b', '5', '6');
  // The event 5 of b is gone, which is told at once; of a, two events make a page.
  const sink = await rig.listen({ lastEventId: 'e.0' }, VIEW, 1000);
  await rig.settle();
  expect(sink.text.startsWith(`:\n\nevent: tidings-gap\n${gap('e.0', 0, 5)}${frame(1, large)}`)).toBe(true);
  expect(sink.text).not.toContain(frame(3, large));
  // While it has not read on, what it would have got next is trimmed.
  await rig.log.trim({ through: 3 });
  while (sink.backlog > 0) {
    sink.take();
    await rig.settle();
  }
  expect(sink.text.endsWith(`event: tidings-gap\n${gap('e.2', 3, 5)}${frame(4, large)}${frame(6, '6')}`)).toBe(true);
});

test('what is trimmed after a listener came for what is kept, before its first page, is told', async () => {
  const rig = new Rig();
  await rig.publish('a', '1', '2', '3');
  const sink = await rig.listen({ lastEventId: 'earliest' });
  await rig.log.trim({ through: 2 });
  await rig.settle();
  expect(sink.text).toBe(`:\n\nevent: tidings-gap\n${gap('e.0', 2)}${frame(3, '3')}`);
});
