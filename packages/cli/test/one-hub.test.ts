import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { run } from './command.ts';
import { HubProcess } from './hub-process.ts';
import { ask, get, open, place, type Placed, placeOnBoth, publish, type Stream } from './placed.ts';

const KEY = 'the-key-of-this-hub';
const SECRET = 'a-secret-of-32-bytes-at-the-least';
const ROOT = '.well-known/mercure';

/** Other addresses of this machine, as other senders would have them. */
const ONE = { from: '127.0.0.2' };
const OTHER = { from: '127.0.0.3' };

/** How often something is tried that any of two workers may answer. */
const TRIES = 12;

function eventsOf({ text }: Stream): { type: string | undefined; data: Record<string, unknown> }[] {
  const blocks = text()
    .split('\n\n')
    .filter((block) => /^data: \{/m.test(block));
  return blocks.map((block) => ({
    type: /^event: (.*)$/m.exec(block)?.[1],
    data: JSON.parse(/^data: (.*)$/m.exec(block)![1]!) as Record<string, unknown>,
  }));
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => void setTimeout(resolve, 5));
}

/** Opens listeners until no more are let in at all, and gives those that were. */
async function fill(hub: HubProcess, sender = ONE): Promise<Placed[]> {
  const all: Placed[] = [];
  for (let refused = 0; refused < TRIES;) {
    const placed = await place(hub, '', sender);
    if (placed.status === 200) all.push(placed);
    refused = placed.status === 200 ? 0 : refused + 1;
  }
  return all;
}

/** A connection on which nothing is sent before it is asked for. */
class Connection {
  readonly #socket: Socket;
  #text = '';
  isClosed = false;

  constructor({ url }: HubProcess) {
    const { hostname, port } = new URL(url);
    this.#socket = connect({ host: hostname, port: Number(port), localAddress: OTHER.from });
    this.#socket.setEncoding('utf8').on('data', (text: string) => (this.#text += text));
    this.#socket.on('error', () => {}).on('close', () => (this.isClosed = true));
    onTestFinished(() => this.destroy());
  }

  destroy(): void {
    this.isClosed = true;
    this.#socket.destroy();
  }

  /** What is answered; nothing if the connection is closed. */
  async ask(): Promise<string> {
    this.#socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => this.isClosed || this.#text.includes('\r\n\r\n'));
    return this.#text;
  }
}

function workersOf(all: readonly Placed[]): Set<number> {
  return new Set(all.map(({ worker }) => worker));
}

describe.skipIf(process.platform !== 'linux')('the workers of a hub are one hub', () => {
  test('for how many listeners there may be, in all and of one address, also when one of them is killed', async () => {
    const limits = ['--max-listeners', '7', '--max-listeners-per-address', '4'];
    const hub = await HubProcess.start('--workers', '2', '--verbose', '--anonymous', 'all', '--key', KEY, ...limits);
    let ofOne = await fill(hub);
    expect(ofOne).toHaveLength(4);
    const refused = await place(hub, '', ONE);
    await refused.ended;
    expect([refused.status, refused.text()]).toEqual([429, expect.stringContaining('too-many-listeners')]);
    const ofOther = await fill(hub, OTHER);
    expect(ofOther).toHaveLength(3);
    expect((await place(hub, '', OTHER)).status).toBe(503);
    // Until both workers have some, so that each has refused a listener for those of the other.
    while (workersOf(ofOne).size < 2) {
      ofOne.pop()!.close();
      await until(async () => {
        const next = await place(hub, '', ONE);
        if (next.status === 200) ofOne.push(next);
        return ofOne.length === 4;
      });
    }
    const [{ worker, pid } = refused] = ofOne;
    process.kill(pid, 'SIGKILL');
    await Promise.all([...ofOne, ...ofOther].filter((each) => each.worker === worker).map(({ ended }) => ended));
    ofOne = ofOne.filter((each) => each.worker !== worker);
    const left = ofOther.filter((each) => each.worker !== worker);
    await hub.process.until(({ stderr }) => stderr.includes(`Worker ${worker} is running`));
    expect(await fill(hub)).toHaveLength(4 - ofOne.length);
    expect(await fill(hub, OTHER)).toHaveLength(3 - left.length);
  });

  test('for how many connections an address may have, and how much a sender may publish in a second', async () => {
    const limits = ['--max-connections-per-address', '4', '--max-events-per-second', '3'];
    const hub = await HubProcess.start('--workers', '2', '--verbose', '--anonymous', 'all', '--key', KEY, ...limits);
    // Two listeners, one at each worker.
    const held = [await place(hub, '', OTHER)];
    while (workersOf(held).size < 2) {
      const next = await place(hub, '', OTHER).catch(() => undefined);
      if (next?.worker === held[0]!.worker) next.close();
      else if (next) held.push(next);
    }
    const connections = Array.from({ length: 10 }, () => new Connection(hub));
    const isOpen = (): Connection[] => connections.filter(({ isClosed }) => !isClosed);
    await until(() => isOpen().length === 2);
    for (const each of isOpen()) expect(await each.ask()).toMatch(/^HTTP\/1.1 200 /);
    expect(isOpen()).toHaveLength(2);
    isOpen()[0]!.destroy();
    // Its place is free as soon as that is known.
    await until(async () => (await new Connection(hub).ask()).startsWith('HTTP/1.1 200 '));

    // One sender, whose requests are taken by one worker or the other.
    const publishers = new Set<unknown>();
    const begun = performance.now();
    let taken = 0;
    for (let sent = 0; sent < 30 || publishers.size < 2; sent += 1) {
      if ((await publish(hub, 'x')) === 200) taken += 1;
      for (const line of hub.process.stderr.split('\n')) {
        if (!/Events were published|A request was refused/.test(line)) continue;
        const { worker, url } = JSON.parse(line) as { worker: number; url: string };
        if (url === '/topics/t') publishers.add(worker);
      }
    }
    // What is published while one worker has not heard of the other is waited for later.
    const seconds = (performance.now() - begun) / 1000;
    expect(taken).toBeLessThanOrEqual(3 + 3 * seconds + 3);
    expect(taken).toBeGreaterThanOrEqual(3);
  });

  test('for who listens and who comes and goes, for the subscriptions of Mercure, and for revocations', async () => {
    const access = ['--key', KEY, '--jwt-secret', SECRET, '--jwt-audience', 'here', '--anonymous', 'all'];
    const mercure = ['--mercure', '--mercure-subscriptions', '--max-subscription-events-per-second', '10000'];
    const hub = await HubProcess.start('--workers', '2', '--verbose', '--metrics', ...access, ...mercure);
    const subscriptions = async (): Promise<readonly Record<string, unknown>[]> => {
      const document = await get(hub, `${ROOT}/subscriptions`, KEY);
      return document['subscriptions'] as readonly Record<string, unknown>[];
    };
    const path = encodeURIComponent('/.well-known/mercure/subscriptions/:type/:match/:subscriber');
    const seen = new Set<string>();
    while (seen.size < 2) {
      const watcher = await open(hub, 'listeners?topic=t', { key: KEY });
      const ofMercure = await open(hub, `${ROOT}?match_urlpattern=${path}`, { key: KEY });
      const both = await placeOnBoth(hub);
      const known = new Set<unknown>();
      await until(async () => {
        known.clear();
        for (const { type, data } of eventsOf(watcher)) {
          for (const { id } of (data['listeners'] ?? []) as { id: string }[]) known.add(id);
          if (type === 'tidings-listener-opened') known.add(data['id']);
          if (type === 'tidings-listener-closed') known.delete(data['id']);
        }
        return known.size === (await get(hub, 'listeners?topic=t', KEY))['count'];
      });
      // Subscribers on both workers, of whom the documents are the same at each.
      const subscribers = await Promise.all(
        Array.from({ length: TRIES }, () => open(hub, `${ROOT}?match=s`, { key: KEY })),
      );
      const wanted = async (): Promise<readonly unknown[]> =>
        (await subscriptions()).filter(({ match }) => match === 's').map(({ subscriber }) => subscriber);
      await until(async () => (await wanted()).length === TRIES);
      const all = await wanted();
      for (let again = 0; again < TRIES; again += 1) expect(await wanted()).toEqual(all);

      // What came first is mostly at the other one.
      const [, victim] = both;
      process.kill(victim.pid, 'SIGKILL');
      await victim.ended;
      const gone = (): number => subscribers.filter(({ hasEnded }) => hasEnded()).length;
      await until(async () => (await wanted()).length === TRIES - gone());
      const left = new Set(await wanted());
      // What watches may have been on the worker that was killed.
      if (!watcher.hasEnded()) {
        const listenersGone = both.filter(({ worker }) => worker === victim.worker).length;
        await until(() => watcher.text().split('event: tidings-listener-closed').length > listenersGone);
        seen.add('listeners');
      }
      if (!ofMercure.hasEnded() && gone() > 0) {
        const ended = (): unknown[] =>
          eventsOf(ofMercure)
            .filter(({ data }) => all.includes(data['subscriber']) && data['active'] === false)
            .map(({ data }) => data['subscriber']);
        await until(() => ended().length >= gone());
        expect(ended()).toHaveLength(gone());
        expect(new Set(ended())).toEqual(new Set(all.filter((subscriber) => !left.has(subscriber))));
        seen.add('subscriptions');
      }
      for (const { close } of [watcher, ofMercure, ...subscribers, ...both]) close();
      await hub.process.until(({ stderr }) => stderr.split(`Worker ${victim.worker} is running`).length > 1);
      await until(async () => (await wanted()).length === 0);
    }

    const made = await run(['token', '--subject', 'ada', '--listen', '*', '--audience', 'here', '--secret', SECRET]);
    const token = made.stdout.trim();
    const both = await placeOnBoth(hub, { key: token });
    expect((await ask(hub, 'POST', 'revocations', '{"subject":"ada"}', KEY)).status).toBe(201);
    await Promise.all(both.map(({ ended }) => ended));
  });

  test('for Prometheus: whichever answers tells the same, and nothing that is counted falls when one is killed', async () => {
    const hub = await HubProcess.start('--workers', '2', '--verbose', '--metrics', '--anonymous', 'all', '--key', KEY);
    const read = async (): Promise<ReadonlyMap<string, number>> => {
      const { status, body } = await ask(hub, 'GET', 'metrics', '', KEY);
      expect(status).toBe(200);
      const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
    };
    const both = await placeOnBoth(hub);
    const listeners = (hub.process.stderr.match(/A listener has come/g) ?? []).length;
    for (let sent = 0; sent < TRIES; sent += 1) expect(await publish(hub, `${sent}`)).toBe(200);
    await Promise.all(both.map(({ until: has }) => has(`data: ${TRIES - 1}\n`)));
    const published = 'tidings_publishes_total{outcome="published"}';
    const names = [published, 'tidings_listeners', 'tidings_events_total', 'tidings_log_events', 'tidings_processes'];
    const before = await read();
    for (let again = 0; again < TRIES; again += 1) {
      const found = await read();
      expect(names.map((name) => found.get(name))).toEqual([TRIES, listeners, TRIES, TRIES, 2]);
    }
    process.kill(both[0].pid, 'SIGKILL');
    await both[0].ended;
    await hub.process.until(({ stderr }) => stderr.includes(`Worker ${both[0].worker} is running`));
    expect(await publish(hub, 'one more')).toBe(200);
    const after = await read();
    const counted = [...before].filter(([name]) => /_(?:total|count|bucket)\b/.test(name));
    expect(counted.filter(([name, value]) => (after.get(name) ?? -1) < value)).toEqual([]);
    expect([after.get(published), after.get('tidings_events_total'), after.get('tidings_processes')]).toEqual([
      TRIES + 1,
      TRIES + 1,
      2,
    ]);
    expect((await get(hub, 'healthz', KEY))['status']).toBe('ok');
  });

  test('of three workers, the start is that of the oldest, and the delays are the longest', async () => {
    const started = Date.now() / 1000;
    const hub = await HubProcess.start('--workers', '3', '--metrics', '--anonymous', 'all', '--key', KEY);
    const read = async (): Promise<ReadonlyMap<string, number>> => {
      const { body } = await ask(hub, 'GET', 'metrics', '', KEY);
      const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
    };
    await until(async () => (await read()).get('tidings_processes') === 3);
    const numbers = await read();
    expect([...numbers].filter(([, value]) => !Number.isFinite(value))).toEqual([]);
    // A process knows its own start to some milliseconds.
    expect(numbers.get('process_start_time_seconds')).toBeGreaterThan(started - 1);
    expect(numbers.get('nodejs_eventloop_lag_max_seconds')).toBeGreaterThanOrEqual(
      numbers.get('nodejs_eventloop_lag_p50_seconds')!,
    );
  });
});
