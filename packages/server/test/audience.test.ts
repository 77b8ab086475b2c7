import {
  Audience,
  FanOut,
  toResponse,
  type Admission,
  type Admitted,
  type AudienceObserver,
  type AudienceOptions,
  type Authentication,
  type ListenParameters,
  type RefuseReason,
  type Rights,
  type Sink,
  type View,
} from '@tidings/server/live';
import { type AskOptions, MemoryLog } from '@tidings/server/log';
import { describe, expect, test, vi } from 'vitest';
import { dataOf, requestHead, untilData } from './channel-rig.ts';
import { deferred } from './deferred.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeSink } from './model/fake-sink.ts';
import { until } from './test-server.ts';

const PARAMETERS: ListenParameters = { lastEventId: '', last: undefined, heartbeat: undefined };

/** An audience of a log in memory, as a hub has it: each listener has a topic of its own choice. */
class Rig {
  readonly clock = new FakeClock(1_000_000);
  readonly log = new MemoryLog({ clock: this.clock });
  readonly fanOut = new FanOut(this.log, { clock: this.clock, keepAliveMs: 0 });
  readonly audience: Audience;

  constructor(options: AudienceOptions = {}, observer: AudienceObserver = {}) {
    this.audience = new Audience(this.log, this.fanOut, { clock: this.clock, ...options }, observer);
  }

  async admit(topic: string, view: (rights: Rights) => Partial<View> | undefined = () => ({})): Promise<Admission> {
    const request = requestHead({ url: `/${topic}` });
    return await this.audience.admit({
      request,
      rights: await this.audience.authenticate(request),
      parameters: PARAMETERS,
      view: (rights) => {
        const changes = view(rights);
        return changes && { key: topic, selection: { topics: [topic] }, ...changes };
      },
    });
  }

  async listen(topic: string, view?: (rights: Rights) => Partial<View> | undefined): Promise<FakeSink> {
    const admission = await this.admit(topic, view);
    const sink = new FakeSink(1e9);
    (admission as Admitted).start(sink);
    return sink;
  }

  async publish(topic: string, ...data: string[]): Promise<void> {
    for (const text of data) await this.log.append([{ topics: [topic], fields: { data: text } }]);
  }
}

describe('an audience', () => {
  test('gives each listener its own view, with what its filter lets through', async () => {
    const filter: Rights['filter'] = ({ data, topics }) => topics[0] === 'a' && data !== '2';
    const rig = new Rig({ authenticate: () => ({ allow: true, filter, filterKey: 'not two' }) });
    const seen = await rig.listen('a', () => ({ accepts: ({ id }) => id !== 'skipped' }));
    const same = await rig.listen('a', () => ({ accepts: ({ id }) => id !== 'skipped' }));
    await rig.publish('a', '1', '2');
    await rig.log.append([{ topics: ['a'], fields: { data: '3', id: 'skipped' } }]);
    await rig.publish('a', '4');
    await untilData(seen, '4');
    expect([dataOf(seen), dataOf(same)]).toEqual([
      ['1', '4'],
      ['1', '4'],
    ]);
    // One cohort: what both were sent is the same bytes.
    expect(seen.chunks.at(-1)).toBe(same.chunks.at(-1));
  });

  test('lets nobody in whose rights do not cover what it asks for, and does not count that itself', async () => {
    const rig = new Rig();
    expect(await rig.admit('a', () => undefined)).toEqual({ refused: 'forbidden' });
    const refusal = { allow: false } as const;
    const request = requestHead();
    const view = (): View => ({ key: 'a', selection: { topics: ['a'] } });
    const admission = await rig.audience.admit({ request, rights: refusal, parameters: PARAMETERS, view });
    expect(admission).toEqual({ refused: 'forbidden' });
    expect(rig.audience.stats().refused.forbidden).toBe(0);
    rig.audience.countRefusal('forbidden');
    expect(rig.audience.stats().refused.forbidden).toBe(1);
  });

  test('keeps a place from the answer on, and says when it is full', async () => {
    const rig = new Rig({ maxListeners: 1 });
    expect(rig.audience.isFull).toBe(false);
    const place = await rig.admit('a');
    expect(rig.audience.isFull).toBe(true);
    expect(await rig.admit('a')).toEqual({ refused: 'full' });
    (place as Admitted).abandon();
    expect(rig.audience.isFull).toBe(false);
    const sink = await rig.listen('a');
    expect(rig.audience.isFull).toBe(true);
    // It is too late for that.
    (place as Admitted).abandon();
    expect(rig.audience.isFull).toBe(true);
    sink.leave();
    expect(rig.audience.isFull).toBe(false);
  });

  test('lets nobody in who has everything that there will ever be', async () => {
    const rig = new Rig();
    const admission = await rig.audience.admit({
      request: requestHead(),
      rights: { allow: true },
      parameters: PARAMETERS,
      view: () => ({ key: 'a', selection: { topics: ['a'] } }),
      isOver: ({ type }) => type === 'now',
    });
    expect(admission).toEqual({ refused: 'complete' });
    expect(rig.audience.isFull).toBe(false);
  });

  test('waits until the log has reported where following begins', async () => {
    const rig = new Rig();
    const ready = deferred();
    let isReady = false;
    Object.defineProperty(rig.fanOut, 'isReady', { get: () => isReady });
    rig.fanOut.ready = () => ready.promise;
    let admitted = false;
    const admission = rig.admit('a').then((place) => {
      admitted = true;
      return place;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(admitted).toBe(false);
    isReady = true;
    ready.resolve();
    expect(await admission).toHaveProperty('start');
  });

  test('reports who comes and who goes, and why', async () => {
    const reasons: string[] = [];
    const rig = new Rig(
      {},
      {
        onListen: ({ lastEventId }) => reasons.push(`from ${JSON.stringify(lastEventId)}`),
        onLeave: ({ reason, durationMs }) => reasons.push(`${reason} after ${durationMs}`),
      },
    );
    const left = await rig.listen('a');
    const kicked = await rig.listen('a');
    rig.clock.advance(500);
    left.leave();
    expect(rig.audience.kick(() => true)).toBe(1);
    rig.fanOut.drain(0);
    await rig.listen('a');
    expect(kicked.state).toBe('destroyed');
    expect(reasons).toEqual(['from ""', 'from ""', 'left after 500', 'kicked after 500']);
  });

  test('asks for the view again when rights are renewed, and ends the stream of who it is not for any more', async () => {
    const onError = vi.fn<(error: unknown) => void>();
    const answers: Authentication[] = [
      { allow: true, expiresAt: 1_000_010, private: ['a'] },
      { allow: true, expiresAt: 1_000_020, private: [] },
      { allow: true, listen: ['b'] },
    ];
    const rig = new Rig({ authenticate: () => answers.shift()! }, { onError });
    const view = (rights: Rights): Partial<View> | undefined =>
      rights.listen === undefined
        ? { key: JSON.stringify(rights.private), selection: { topics: ['a'], private: rights.private ?? [] } }
        : undefined;
    const sink = await rig.listen('a', view);
    const secret = async (data: string): Promise<void> => {
      await rig.log.append([{ topics: ['a'], fields: { data }, private: true }]);
    };
    await secret('1');
    await untilData(sink, '1');
    rig.clock.advance(10);
    await until(() => answers.length === 1);
    await secret('2');
    await rig.publish('a', '3');
    await untilData(sink, '3');
    rig.clock.advance(10);
    await until(() => sink.state === 'ending');
    expect([dataOf(sink), answers, onError.mock.calls]).toEqual([['1', '3', '{"reason":"expired"}'], [], []]);
  });

  describe('for a stream that is not of its log', () => {
    /** A stream that lasts until its sink closes. */
    const run = (sink: Sink): Promise<void> =>
      new Promise((resolve) => {
        sink.onClose = resolve;
      });

    test('keeps a place for as long as that lasts', async () => {
      const rig = new Rig({ maxListeners: 1 });
      const rights: Rights = { allow: true };
      const abandoned = (await rig.audience.reserve(requestHead(), rights, run)) as Admitted;
      expect(await rig.audience.reserve(requestHead(), rights, run)).toEqual({ refused: 'full' });
      abandoned.abandon();
      const sink = new FakeSink(1e9);
      ((await rig.audience.reserve(requestHead(), rights, run)) as Admitted).start(sink);
      expect(rig.audience.isFull).toBe(true);
      sink.leave();
      await until(() => !rig.audience.isFull);
      const failing = (await rig.audience.reserve(requestHead(), rights, () =>
        Promise.reject(new Error('it broke')),
      )) as Admitted;
      failing.start(new FakeSink(1e9));
      await until(() => !rig.audience.isFull);
    });

    test('breaks it off when it is kicked, and ends it when its rights expire', async () => {
      const rig = new Rig();
      const kicked = new FakeSink(1e9);
      ((await rig.audience.reserve(requestHead(), { allow: true, subject: 'ada' }, run)) as Admitted).start(kicked);
      expect(rig.audience.kick(({ subject }) => subject === 'ada')).toBe(1);
      const expired = new FakeSink(1e9);
      ((await rig.audience.reserve(requestHead(), { allow: true, expiresAt: 1_000_010 }, run)) as Admitted).start(
        expired,
      );
      rig.clock.advance(9);
      expect([kicked.state, expired.state]).toEqual(['destroyed', 'open']);
      rig.clock.advance(1);
      expect([expired.state, expired.text]).toEqual([
        'ending',
        'event: tidings-expired\ndata: {"reason":"expired"}\n\n',
      ]);
      expired.take();
      await until(() => rig.audience.kick(() => true) === 0);
      expect(rig.clock.pending).toBe(0);
    });

    test('lets go of the timer when it ends before its rights do', async () => {
      const rig = new Rig();
      const sink = new FakeSink(1e9);
      ((await rig.audience.reserve(requestHead(), { allow: true, expiresAt: 1_000_010 }, run)) as Admitted).start(sink);
      expect(rig.clock.pending).toBe(1);
      sink.leave();
      await until(() => rig.clock.pending === 0);
      expect(sink.state).toBe('left');
    });
  });

  test('counts every reason apart', () => {
    const { audience } = new Rig();
    const reasons: RefuseReason[] = ['method', 'parameter', 'forbidden', 'full', 'full-for-key', 'complete'];
    for (const [index, reason] of reasons.entries()) for (let n = 0; n <= index; n += 1) audience.countRefusal(reason);
    expect(Object.values(audience.stats().refused)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe('the Fetch response of an answer', () => {
  const head = { status: 200, headers: { 'X-Test': 'yes' } };
  const { signal } = new AbortController();

  test('is a whole one where it has no stream', async () => {
    const response = toResponse({ ...head, status: 403, body: 'no\n' }, signal);
    expect([response.status, response.headers.get('x-test'), await response.text()]).toEqual([403, 'yes', 'no\n']);
    expect(toResponse({ ...head, body: 'no\n' }, signal, true).body).toBeNull();
    expect(toResponse({ ...head, status: 204 }, signal).body).toBeNull();
  });

  test('starts the stream, but not for HEAD, nor where the request was aborted', async () => {
    const calls: string[] = [];
    const answer = {
      ...head,
      start: (sink: Sink): void => {
        calls.push('start');
        sink.end();
      },
      abandon: () => void calls.push('abandon'),
    };
    expect(await toResponse(answer, signal).text()).toBe('');
    expect(toResponse(answer, signal, true).body).toBeNull();
    expect(toResponse(answer, AbortSignal.abort()).body).toBeNull();
    expect(calls).toEqual(['start', 'abandon', 'abandon']);
  });

  test('gives the place back, and starts nothing, where the runtime refuses its head', () => {
    const calls: string[] = [];
    const answer = {
      status: 200,
      headers: { 'not a name': 'x' },
      start: () => void calls.push('start'),
      abandon: () => void calls.push('abandon'),
    };
    expect(() => toResponse(answer, signal)).toThrow(TypeError);
    expect(calls).toEqual(['abandon']);
  });
});

describe('a listener whose place in the log is still being looked for', () => {
  /** An audience for two, of a log that is never done looking, and what it was asked. */
  function searching(): {
    audience: Audience;
    signals: AbortSignal[];
    admit: (lastEventId: string) => Promise<Admission>;
    gone: () => void;
  } {
    const log = new MemoryLog();
    const signals: AbortSignal[] = [];
    const looking = Object.assign(Object.create(log) as MemoryLog, {
      follow: log.follow.bind(log),
      locateLast: (_: unknown, __: number, { signal }: AskOptions = {}) =>
        new Promise((_resolve, reject) => {
          signals.push(signal!);
          signal!.addEventListener('abort', () => reject(new Error('the store has stopped')));
        }),
    });
    const audience = new Audience(looking, new FanOut(looking), { maxListeners: 2 });
    let gone = (): void => {};
    const request = Object.assign(requestHead(), {
      onGone: (listener: () => void) => {
        gone = listener;
        return () => {};
      },
    });
    const admit = (last: string): Promise<Admission> =>
      audience.admit({
        request,
        rights: { allow: true, listen: 'all' },
        parameters: { ...PARAMETERS, last: last === '' ? undefined : Number(last) },
        view: () => ({ key: 'a', selection: { topics: ['a'] } }),
      });
    return { audience, signals, admit, gone: () => gone() };
  }

  test('counts as one', async () => {
    const { audience, admit } = searching();
    void admit('5');
    void admit('5');
    expect(audience.isFull).toBe(true);
    expect(await admit('5')).toEqual({ refused: 'full' });
  });

  test('that goes before it is known whether its topic is closed is refused, and the log stops looking', async () => {
    const { audience, signals, admit, gone } = searching();
    void admit('5');
    void admit('5');
    await expect.poll(() => signals.length).toBe(2);
    const third = admit('');
    await expect.poll(() => signals.length).toBe(3);
    gone();
    expect(await third).toEqual({ refused: 'full' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, true]);
    expect(audience.isFull).toBe(true);
  });

  test('has no place any more when it goes, and the log stops looking', async () => {
    const { audience, signals, admit, gone } = searching();
    void admit('5');
    const second = admit('5');
    await expect.poll(() => signals.length).toBe(2);
    gone();
    const { start } = (await second) as Admitted;
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    expect(audience.isFull).toBe(false);
    // Whoever does not know yet is broken off.
    const sink = new FakeSink(1);
    start(sink);
    expect(sink.state).toBe('destroyed');
  });

  test.each(['', '5'])('keeps no place when it goes before the log has been reached (last: "%s")', async (last) => {
    const log = Object.assign(Object.create(new MemoryLog()) as MemoryLog, { follow: () => ({ stop: () => {} }) });
    const audience = new Audience(log, new FanOut(log), { maxListeners: 2 });
    const leave: (() => void)[] = [];
    const admit = (): Promise<Admission> =>
      audience.admit({
        request: Object.assign(requestHead(), { onGone: (gone: () => void) => (leave.push(gone), () => {}) }),
        rights: { allow: true },
        parameters: { ...PARAMETERS, last: last === '' ? undefined : Number(last) },
        view: () => ({ key: 'a', selection: { topics: ['a'] } }),
      });
    const waiting = [admit(), admit()];
    expect(audience.isFull).toBe(true);
    // Without a place nobody waits for the log.
    expect(await admit()).toEqual({ refused: 'full' });
    for (const gone of leave) gone();
    await Promise.all(waiting);
    expect(audience.isEmpty).toBe(true);
  });

  test('can be sent away', async () => {
    const { audience, signals, admit } = searching();
    const first = admit('5');
    await expect.poll(() => signals.length).toBe(1);
    expect(audience.kick(() => true)).toBe(1);
    expect(await first).toHaveProperty('abandon');
    expect(signals[0]?.aborted).toBe(true);
    expect(audience.kick(() => true)).toBe(0);
  });
});
