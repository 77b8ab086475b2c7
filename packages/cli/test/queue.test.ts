import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encode } from '../src/publish/event-input.ts';
import {
  EMPTY_QUEUE,
  hasRoom,
  type QueueAction,
  type QueueInput,
  type QueueState,
  transition,
  unconfirmed,
} from '../src/publish/queue.ts';

const events = (count: number, data = 'x') => Array.from({ length: count }, () => encode({ data }));

/** Steps through inputs, the keys are k1, k2, … */
function queue() {
  let state: QueueState = EMPTY_QUEUE;
  let keys = 0;
  return {
    state: () => state,
    step(input: QueueInput): readonly QueueAction[] {
      const step = transition(state, input, { random: 0, newKey: () => `k${++keys}` });
      state = step.state;
      return step.actions;
    },
  };
}

const published: QueueInput = { type: 'published', id: 'e.1' };
const tooLarge: QueueInput = { type: 'too-large', refusal: 'at most 100 bytes are allowed' };
const unanswered: QueueInput = { type: 'unanswered', reason: 'gone', reached: false, retryAfterMs: 0 };

/** How many events the batch of the last action has, or the action's type where it has none. */
function sent(actions: readonly QueueAction[]): number | string | undefined {
  const action = actions.at(-1);
  return action?.type === 'send' ? action.batch.events.length : action?.type;
}

test('an event is sent at once, and what is read meanwhile as one batch after it', () => {
  const { step } = queue();
  const read = events(1);
  expect(step({ type: 'events', events: read })).toEqual([
    { type: 'send', batch: { body: 'data: x\n\n', events: read, idempotencyKey: 'k1' } },
  ]);
  expect(step({ type: 'events', events: events(2) })).toEqual([]);
  expect(step({ type: 'events', events: events(1) })).toEqual([]);
  const actions = step(published);
  expect(actions).toMatchObject([{ type: 'send', batch: { idempotencyKey: 'k2' } }]);
  expect(sent(actions)).toBe(3);
});

test('a batch has at most 1,000 events and 1 MiB, but at least one event', () => {
  const many = queue();
  expect(sent(many.step({ type: 'events', events: events(1_001) }))).toBe(1_000);
  expect(sent(many.step(published))).toBe(1);

  const long = queue();
  const half = events(3, 'x'.repeat(512 * 1024));
  expect(sent(long.step({ type: 'events', events: half }))).toBe(1);
  expect(sent(long.step(published))).toBe(1);
});

test('a batch that is too large for the hub is sent again in smaller ones with new keys, and so is what follows', () => {
  const { step } = queue();
  step({ type: 'events', events: events(1) });
  step({ type: 'events', events: events(8) });
  expect(sent(step(published))).toBe(8);
  const [half] = step(tooLarge);
  expect(half).toMatchObject({ type: 'send', batch: { idempotencyKey: 'k3', events: { length: 4 } } });
  expect(sent(step(tooLarge))).toBe(2);
  for (let rest = 6; rest > 0; rest -= 2) expect(sent(step(published))).toBe(2);
  step({ type: 'events', events: events(5) });
  expect(sent(step(published))).toBe(2);
});

test('an event that is too large for the hub is found, after everything before it is published', () => {
  for (const before of [0, 1, 5, 700]) {
    const { step, ...made } = queue();
    const read = [...events(before), ...events(1, 'x'.repeat(500)), ...events(9)];
    let actions = step({ type: 'events', events: read });
    for (let action = actions[0]; action?.type === 'send'; action = actions[0]) {
      actions = step(action.batch.events.some(({ bytes }) => bytes > 100) ? tooLarge : published);
    }
    expect(actions).toEqual([{ type: 'fail', refusal: 'at most 100 bytes are allowed' }]);
    expect(made.state()).toMatchObject({ phase: 'failed', published: before });
    expect(unconfirmed(made.state())).toBe(10);
  }
});

test('a batch that was not answered is sent again as it was, after longer and longer pauses up to a limit', () => {
  const { step } = queue();
  const [first] = step({ type: 'events', events: events(1) });
  step({ type: 'events', events: events(5) });
  const waits: number[] = [];
  for (let failures = 1; failures <= 8; failures++) {
    const wait = step(unanswered).at(-1);
    waits.push(wait?.type === 'pause' ? wait.ms : Number.NaN);
    expect(step({ type: 'timer' })).toEqual([first]);
  }
  expect(waits).toEqual([50, 100, 200, 400, 800, 1_500, 1_500, 1_500]);
});

test('the pause is as long as the hub asks for', () => {
  const { step } = queue();
  step({ type: 'events', events: events(1) });
  expect(step({ ...unanswered, retryAfterMs: 7_000 })).toEqual([{ type: 'pause', ms: 7_000 }]);
});

test('the loss of the hub is reported once, at the second failure in a row, and so is its return', () => {
  const { step } = queue();
  step({ type: 'events', events: events(1) });
  const told = [unanswered, unanswered, unanswered].map((input) => {
    const actions = step(input);
    step({ type: 'timer' });
    return actions[0]?.type;
  });
  expect(told).toEqual(['pause', 'report-lost', 'pause']);
  expect(step(published)).toEqual([{ type: 'report-back' }]);
  step({ type: 'events', events: events(1) });
  step(unanswered);
  step({ type: 'timer' });
  expect(step(published)).toEqual([]);
});

test('the queue is done when the input has ended and everything is published', () => {
  const made = queue();
  made.step({ type: 'events', events: events(2) });
  made.step({ type: 'end' });
  expect(made.state().phase).toBe('sending');
  expect(unconfirmed(made.state())).toBe(2);
  made.step(published);
  expect(made.state()).toMatchObject({ phase: 'done', published: 2 });
  expect(unconfirmed(made.state())).toBe(0);
});

test('there is no room behind a few batches, whether of many events or of long ones', () => {
  for (const queued of [events(5_001), events(6, 'x'.repeat(1_000_000))]) {
    const made = queue();
    made.step({ type: 'events', events: queued });
    expect(hasRoom(made.state())).toBe(false);
    while (made.state().phase === 'sending') made.step(published);
    expect(hasRoom(made.state())).toBe(true);
    expect(made.state().waitingBytes).toBe(0);
  }
});

test('whatever happens, a hub that honours keys and limits bodies has each event once and in order', () => {
  const happening = fc.oneof(
    fc.record({ type: fc.constant('read'), count: fc.integer({ min: 1, max: 1_500 }) }),
    fc.record({ type: fc.constantFrom('answer', 'lose-request', 'lose-answer', 'timer') }),
  );
  fc.assert(
    fc.property(fc.array(happening), fc.integer({ min: 20, max: 20_000 }), (happenings, maxBodyBytes) => {
      const { step } = queue();
      const seen = new Set<string>();
      let wire: { body: string; idempotencyKey: string } | undefined;
      let stored = '';
      let expected = '';
      let next = 0;
      const drive = (input: QueueInput): void => {
        for (const action of step(input)) if (action.type === 'send') wire = action.batch;
      };
      const store = (): void => {
        if (wire === undefined || seen.has(wire.idempotencyKey)) return;
        seen.add(wire.idempotencyKey);
        stored += wire.body;
      };
      const settle = (input: QueueInput, reached: boolean): void => {
        if (wire === undefined) return;
        const isTooLarge = wire.body.length > maxBodyBytes;
        if (reached && !isTooLarge) store();
        wire = undefined;
        drive(isTooLarge && input.type === 'published' ? tooLarge : input);
      };
      for (const happened of happenings) {
        if ('count' in happened) {
          const read = Array.from({ length: happened.count }, () => encode({ data: String(next++) }));
          expected += read.map(({ block }) => block).join('');
          drive({ type: 'events', events: read });
        } else if (happened.type === 'answer') settle(published, true);
        else if (happened.type === 'lose-answer') settle(unanswered, true);
        else if (happened.type === 'lose-request') settle(unanswered, false);
        else drive({ type: 'timer' });
      }
      drive({ type: 'timer' });
      while (wire !== undefined) settle(published, true);
      expect(stored).toBe(expected);
    }),
    { numRuns: 50 },
  );
});
