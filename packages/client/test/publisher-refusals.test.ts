import { Publisher, type PublishError } from '@tidings/client/publisher';
import { onTestFinished, expect, test } from 'vitest';
import { problem, StandInHub, type Fault } from './publisher-hub.ts';

function publisherFor({ url }: StandInHub): Publisher {
  const publisher = new Publisher(url, { retry: { initialMs: 1, maxMs: 5 } });
  onTestFinished(() => publisher.close({ patienceMs: 0 }).catch(() => {}));
  return publisher;
}

/** What becomes of three events in one batch, where the hub answers the first request with a fault. */
async function outcomes(hub: StandInHub, data: string, fault: Fault): Promise<unknown[]> {
  hub.fault = (number) => (number === 1 ? fault : undefined);
  const publisher = publisherFor(hub);
  const publications = ['1', data, '3'].map((text) => publisher.publish('t', { data: text }));
  const settled = await Promise.allSettled(publications);
  return settled.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as { problem: unknown }).problem));
}

/** A document that is longer than what an error keeps of it. */
function longProblem(name: string, detail: string): string {
  const more = String.raw`\u0001`.repeat(1_024);
  return `{"type":"/PROTOCOL.md#${name}","title":"It is refused","status":400,"detail":"${detail}${more}\\" has a control character"}`;
}

test('a refusal that names something long is for its event alone', async () => {
  const hub = await StandInHub.start();
  const fault = { status: 400, body: longProblem('invalid-event', String.raw`Line 2: The id \"`) };
  expect(await outcomes(hub, '2', fault)).toEqual(['e.1', 'invalid-event', 'e.2']);
  expect(hub.data).toEqual(['1', '3']);
});

test('an error keeps a bounded part of a long refusal', async () => {
  const hub = await StandInHub.start();
  hub.fault = () => ({ status: 400, body: longProblem('invalid-event', 'x'.repeat(1_000_000)) });
  const error = (await publisherFor(hub)
    .publish('t', { data: '1' })
    .catch((reason: unknown) => reason)) as PublishError;
  expect(error).toMatchObject({ code: 'ERR_REFUSED', problem: 'invalid-event' });
  expect(error.body).toHaveLength(4_096);
  expect(error.message.length).toBeLessThan(5_000);
});

test('a long refusal that names no line is for the event that is refused by itself', async () => {
  const hub = await StandInHub.start();
  const fault = { status: 400, body: longProblem('invalid-event', '') };
  expect(await outcomes(hub, 'bad', fault)).toEqual(['e.1', 'invalid-event', 'e.2']);
});

test.each([
  [400, 'invalid-event'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [409, 'topic-closed'],
])('a refusal with %i whose connection breaks is a lost answer, so the batch is sent again', async (status, name) => {
  const hub = await StandInHub.start();
  const fault = { status, headers: { 'content-length': '1000' }, body: problem(name).slice(0, 12), isCut: true };
  expect(await outcomes(hub, '2', fault)).toEqual(['e.1', 'e.2', 'e.3']);
  expect(new Set(hub.requests.map(({ key }) => key)).size).toBe(1);
});

test('a refusal of everything is told though its connection breaks', async () => {
  const hub = await StandInHub.start();
  const fault = { status: 404, headers: { 'content-length': '1000' }, body: 'no such', isCut: true };
  const publisher = publisherFor(hub);
  hub.fault = () => fault;
  await expect(publisher.publish('t', { data: '1' })).rejects.toMatchObject({
    code: 'ERR_REFUSED',
    status: 404,
    body: 'no such',
  });
});
