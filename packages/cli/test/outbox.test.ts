import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  EMPTY_OUTBOX,
  hasRoom,
  type OutboxAction,
  type OutboxInput,
  type OutboxState,
  transition,
  unpublished,
} from '../src/outbox.ts';
import { outgoingEvent } from '../src/outgoing-event.ts';

const events = (count: number, data = 'x') => Array.from({ length: count }, () => outgoingEvent({ data }));

/** Steps through inputs, the keys are k1, k2, … */
function outbox() {
  let state: OutboxState = EMPTY_OUTBOX;
  let keys = 0;
  return {
    get state() {
      return state;
    },
    step(input: OutboxInput): readonly OutboxAction[] {
      const step = transition(state, input, { random: 0, newKey: () => `k${++keys}` });
      state = step.state;
      return step.actions;
    },
  };
}

const answered: OutboxInput = { type: 'answered', id: 'e.1' };
const unanswered: OutboxInput = { type: 'unanswered', reason: 'gone', reached: false, retryAfterMs: 0 };

test('an event goes out at once, what is read meanwhile as one request behind it', () => {
  const { step } = outbox();
  expect(step({ type: 'events', events: events(1) })).toEqual([
    { type: 'send', batch: { body: 'data: x\n\n', events: 1, idempotencyKey: 'k1' } },
  ]);
  expect(step({ type: 'events', events: events(2) })).toEqual([]);
  expect(step({ type: 'events', events: events(1) })).toEqual([]);
  expect(step(answered)).toMatchObject([{ type: 'send', batch: { events: 3, idempotencyKey: 'k2' } }]);
});

test('a request holds at most 1,000 events and 1 MiB, but at least one event', () => {
  const many = outbox();
  expect(many.step({ type: 'events', events: events(1_001) })).toMatchObject([{ batch: { events: 1_000 } }]);
  expect(many.step(answered)).toMatchObject([{ batch: { events: 1 } }]);

  const long = outbox();
  const half = events(3, 'x'.repeat(512 * 1024));
  expect(long.step({ type: 'events', events: half })).toMatchObject([{ batch: { events: 1 } }]);
  expect(long.step(answered)).toMatchObject([{ batch: { events: 1 } }]);
});

test('a request that was not answered goes out again as it was, later each time up to a bound', () => {
  const { step } = outbox();
  const [first] = step({ type: 'events', events: events(1) });
  step({ type: 'events', events: events(5) });
  const waits: number[] = [];
  for (let failures = 1; failures <= 8; failures++) {
    const wait = step(unanswered).at(-1);
    waits.push(wait?.type === 'wait' ? wait.ms : Number.NaN);
    expect(step({ type: 'timer' })).toEqual([first]);
  }
  expect(waits).toEqual([50, 100, 200, 400, 800, 1_500, 1_500, 1_500]);
});

test('the hub is waited for as long as it asks', () => {
  const { step } = outbox();
  step({ type: 'events', events: events(1) });
  expect(step({ ...unanswered, retryAfterMs: 7_000 })).toEqual([{ type: 'wait', ms: 7_000 }]);
});

test('losing the hub is told once, at the second failure in a row, and so is that it is back', () => {
  const { step } = outbox();
  step({ type: 'events', events: events(1) });
  const told = [unanswered, unanswered, unanswered].map((input) => {
    const actions = step(input);
    step({ type: 'timer' });
    return actions[0]?.type;
  });
  expect(told).toEqual(['wait', 'tell-lost', 'wait']);
  expect(step(answered)).toEqual([{ type: 'tell-back' }]);
  step({ type: 'events', events: events(1) });
  step(unanswered);
  step({ type: 'timer' });
  expect(step(answered)).toEqual([]);
});

test('it is done when the input has ended and everything is answered', () => {
  const box = outbox();
  box.step({ type: 'events', events: events(2) });
  box.step({ type: 'end' });
  expect(box.state.phase).toBe('sending');
  expect(unpublished(box.state)).toBe(2);
  box.step(answered);
  expect(box.state).toMatchObject({ phase: 'done', published: 2 });
  expect(unpublished(box.state)).toBe(0);
});

test('there is no room behind a few requests, whether of many events or of long ones', () => {
  for (const queued of [events(5_001), events(6, 'x'.repeat(1_000_000))]) {
    const box = outbox();
    box.step({ type: 'events', events: queued });
    expect(hasRoom(box.state)).toBe(false);
    while (box.state.phase === 'sending') box.step(answered);
    expect(hasRoom(box.state)).toBe(true);
    expect(box.state.queuedBytes).toBe(0);
  }
});

test('whatever happens, a hub that honours keys has each event once and in order', () => {
  const happening = fc.oneof(
    fc.record({ type: fc.constant('read'), count: fc.integer({ min: 1, max: 1_500 }) }),
    fc.record({ type: fc.constantFrom('answer', 'lose-request', 'lose-answer', 'timer') }),
  );
  fc.assert(
    fc.property(fc.array(happening), (happenings) => {
      const { step } = outbox();
      const seen = new Set<string>();
      let wire: { body: string; idempotencyKey: string } | undefined;
      let stored = '';
      let expected = '';
      let next = 0;
      const drive = (input: OutboxInput): void => {
        for (const action of step(input)) if (action.type === 'send') wire = action.batch;
      };
      const store = (): void => {
        if (wire === undefined || seen.has(wire.idempotencyKey)) return;
        seen.add(wire.idempotencyKey);
        stored += wire.body;
      };
      const settle = (input: OutboxInput, reached: boolean): void => {
        if (wire === undefined) return;
        if (reached) store();
        wire = undefined;
        drive(input);
      };
      for (const happened of happenings) {
        if ('count' in happened) {
          const read = Array.from({ length: happened.count }, () => outgoingEvent({ data: String(next++) }));
          expected += read.map(({ block }) => block).join('');
          drive({ type: 'events', events: read });
        } else if (happened.type === 'answer') settle(answered, true);
        else if (happened.type === 'lose-answer') settle(unanswered, true);
        else if (happened.type === 'lose-request') settle(unanswered, false);
        else drive({ type: 'timer' });
      }
      drive({ type: 'timer' });
      while (wire !== undefined) settle(answered, true);
      expect(stored).toBe(expected);
    }),
    { numRuns: 50 },
  );
});
