import { Channel } from '@tidings/server';
import { expect, test } from 'vitest';
import { listen, requestHead } from './channel-rig.ts';

/** Lets what is under way go on. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function rig(options: ConstructorParameters<typeof Channel>[0] = {}): { channel: Channel; calls: () => number } {
  let calls = 0;
  return { channel: new Channel({ ...options, onEmpty: () => (calls += 1) }), calls: () => calls };
}

test('a channel tells when its last listener has left, each time', async () => {
  const { channel, calls } = rig();
  for (let time = 1; time <= 2; time += 1) {
    const [one, other] = [await listen(channel), await listen(channel)];
    one.sink.leave();
    await turn();
    expect(calls()).toBe(time - 1);
    other.sink.leave();
    await turn();
    expect(calls()).toBe(time);
  }
});

test.each([
  ['HEAD', 200],
  ['DELETE', 405],
  ['OPTIONS', 204],
])('a channel tells that %s has left it without a listener', async (method, status) => {
  const { channel, calls } = rig();
  expect((await channel.answer(requestHead({ method }))).status).toBe(status);
  await turn();
  expect(calls()).toBe(1);
});

test('a channel tells that a refused, an abandoned and a failed request have left it without a listener', async () => {
  const refusing = rig({ authenticate: () => false });
  await refusing.channel.answer(requestHead());
  const abandoned = rig();
  (await abandoned.channel.answer(requestHead())).abandon?.();
  const failing = rig({ authenticate: () => Promise.reject(new Error('no')) });
  await expect(failing.channel.answer(requestHead())).rejects.toThrow('no');
  await turn();
  expect([refusing.calls(), abandoned.calls(), failing.calls()]).toEqual([1, 1, 1]);
});

test('a channel with a listener that is being let in is not empty', async () => {
  const { channel, calls } = rig();
  const answer = await channel.answer(requestHead({ headers: { 'last-event-id': 'earliest' } }));
  await channel.answer(requestHead({ method: 'HEAD' }));
  await turn();
  expect(calls()).toBe(0);
  answer.abandon?.();
  await turn();
  expect(calls()).toBe(1);
});

test('a channel that has been drained tells nothing more', async () => {
  const { channel, calls } = rig();
  const { sink } = await listen(channel);
  const drained = channel.drain(0);
  sink.leave();
  await drained;
  await channel.answer(requestHead({ method: 'HEAD' }));
  await turn();
  expect(calls()).toBe(0);
});

test('an exception of onEmpty is given to onError', async () => {
  const errors: unknown[] = [];
  const error = new Error('cannot');
  const onEmpty = (): void => {
    throw error;
  };
  const channel = new Channel({ onEmpty, onError: (found) => errors.push(found) });
  (await listen(channel)).sink.leave();
  await turn();
  expect(errors).toEqual([error]);
});
