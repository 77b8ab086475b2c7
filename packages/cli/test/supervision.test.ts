import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  NO_HUBS,
  stepSupervision,
  type Supervision,
  type SupervisionAction,
  type SupervisionInput,
} from '../src/supervise/supervision.ts';

/** A supervision and what it has asked for. */
class Script {
  supervision: Supervision = NO_HUBS;

  take(input: SupervisionInput): readonly SupervisionAction[] {
    const { supervision, actions } = stepSupervision(this.supervision, input);
    this.supervision = supervision;
    return actions.filter(({ type }) => type !== 'tell');
  }

  /** Starts the first hub, which gets the id 1. */
  static serving(now = 0): Script {
    const script = new Script();
    script.take({ type: 'start' });
    script.take({ type: 'prepared', id: 1 });
    script.take({ type: 'serving', id: 1, now });
    return script;
  }
}

const killed = (id: number, now: number): SupervisionInput => ({ type: 'exited', id, code: null, now });

test('the first hub opens the log and says where it is, and then the supervisor tells its process', () => {
  const script = new Script();
  expect(script.take({ type: 'start' })).toEqual([{ type: 'spawn', id: 1 }]);
  expect(script.take({ type: 'prepared', id: 1 })).toEqual([{ type: 'open', id: 1, isFirst: true }]);
  expect(script.take({ type: 'serving', id: 1, now: 0 })).toEqual([{ type: 'tellPid' }]);
});

test('the next hub is prepared while the present one serves, and opens the log when that one has closed it', () => {
  const script = Script.serving();
  expect(script.take({ type: 'restart' })).toEqual([{ type: 'spawn', id: 2 }]);
  expect(script.take({ type: 'prepared', id: 2 })).toEqual([{ type: 'terminate', id: 1 }]);
  expect(script.take({ type: 'released', id: 1 })).toEqual([{ type: 'open', id: 2, isFirst: false }]);
  expect(script.take({ type: 'serving', id: 2, now: 0 })).toEqual([]);
  expect(script.take({ type: 'exited', id: 1, code: 0, now: 0 })).toEqual([]);
  expect(script.supervision.hubs.map(({ id }) => id)).toEqual([2]);
});

test('a next hub that ends before it has the log leaves the present one as it is', () => {
  const script = Script.serving();
  script.take({ type: 'restart' });
  expect(script.take({ type: 'exited', id: 2, code: 2, now: 0 })).toEqual([]);
  expect(script.supervision.hubs).toMatchObject([{ id: 1, phase: 'serving' }]);
});

test('a restart that is asked for during another one follows it', () => {
  const script = Script.serving();
  script.take({ type: 'restart' });
  expect(script.take({ type: 'restart' })).toEqual([]);
  script.take({ type: 'prepared', id: 2 });
  script.take({ type: 'released', id: 1 });
  expect(script.take({ type: 'serving', id: 2, now: 0 })).toEqual([{ type: 'spawn', id: 3 }]);
});

test('a restart that is asked for before the first hub serves follows, too', () => {
  const script = new Script();
  script.take({ type: 'start' });
  expect(script.take({ type: 'restart' })).toEqual([]);
  script.take({ type: 'prepared', id: 1 });
  expect(script.take({ type: 'serving', id: 1, now: 0 })).toEqual([{ type: 'tellPid' }, { type: 'spawn', id: 2 }]);
});

test('a first hub that a signal ends before it serves is followed by another one after a wait, or at once after a restart', () => {
  for (const restarts of [false, true]) {
    const script = new Script();
    script.take({ type: 'start' });
    script.take({ type: 'prepared', id: 1 });
    if (restarts) script.take({ type: 'restart' });
    expect(script.take(killed(1, 0))).toEqual([{ type: 'wait', ms: 250 }]);
    const next = script.take(restarts ? { type: 'restart' } : { type: 'due' });
    expect(next).toEqual([{ type: 'spawn', id: 2 }]);
    expect(script.take({ type: 'prepared', id: 2 })).toEqual([{ type: 'open', id: 2, isFirst: true }]);
  }
});

test('a hub that dies after a while is followed at once, and those that die at once are waited for longer and longer', () => {
  const script = Script.serving(0);
  expect(script.take(killed(1, 10_000))).toEqual([{ type: 'spawn', id: 2 }]);
  script.take({ type: 'prepared', id: 2 });
  script.take({ type: 'serving', id: 2, now: 20_000 });
  const waits: unknown[] = [];
  for (let id = 2; id < 10; id += 1) {
    waits.push(...script.take(killed(id, 20_000)));
    expect(script.take({ type: 'due' })).toEqual([{ type: 'spawn', id: id + 1 }]);
    script.take({ type: 'prepared', id: id + 1 });
    if (id % 2 === 0) script.take({ type: 'serving', id: id + 1, now: 20_000 });
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000].map((ms) => ({ type: 'wait', ms })));
});

test('a restart ends the wait for a hub that fails', () => {
  const script = Script.serving();
  expect(script.take(killed(1, 0))).toEqual([{ type: 'wait', ms: 250 }]);
  expect(script.take({ type: 'restart' })).toEqual([{ type: 'spawn', id: 2 }]);
  expect(script.take({ type: 'due' })).toEqual([]);
});

test('the first hub that cannot start ends the command with its exit code', () => {
  const script = new Script();
  script.take({ type: 'start' });
  expect(script.take({ type: 'exited', id: 1, code: 2, now: 0 })).toEqual([{ type: 'end', code: 2 }]);
});

describe('asked to end', () => {
  test('it ends when every hub has ended, with the code of the one that served', () => {
    const script = Script.serving();
    script.take({ type: 'restart' });
    expect(script.take({ type: 'stop' })).toEqual([
      { type: 'terminate', id: 1 },
      { type: 'terminate', id: 2 },
    ]);
    expect(script.take({ type: 'restart' })).toEqual([]);
    expect(script.take({ type: 'released', id: 1 })).toEqual([]);
    expect(script.take({ type: 'exited', id: 2, code: null, now: 0 })).toEqual([]);
    expect(script.take({ type: 'exited', id: 1, code: 0, now: 0 })).toEqual([{ type: 'end', code: 0 }]);
  });

  test('while it waits for the next hub it ends at once', () => {
    const script = Script.serving();
    script.take(killed(1, 0));
    expect(script.take({ type: 'stop' })).toEqual([{ type: 'end', code: 0 }]);
  });
});

test('whatever happens, one hub has the log at most, and there is always one to come', () => {
  const event = fc.constantFrom('restart', 'stop', 'due', 'prepared', 'serving', 'released', 'exited');
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat()), { maxLength: 60 }), (events) => {
      const script = Script.serving();
      let waits = false;
      for (const [type, choice] of events) {
        const { hubs } = script.supervision;
        const hub = hubs[choice % Math.max(hubs.length, 1)];
        let input: SupervisionInput | undefined;
        if (type === 'restart' || type === 'stop') input = { type };
        else if (type === 'due') input = waits ? { type } : undefined;
        else if (hub === undefined) continue;
        else if (type === 'prepared' && hub.phase === 'preparing') input = { type, id: hub.id };
        else if (type === 'serving' && hub.phase === 'opening') input = { type, id: hub.id, now: choice };
        else if (type === 'released' && hub.phase === 'leaving') input = { type, id: hub.id };
        else if (type === 'exited') input = { type, id: hub.id, code: null, now: choice };
        if (input === undefined) continue;
        const actions = script.take(input);
        if (input.type === 'due') waits = false;
        if (actions.some((action) => action.type === 'wait')) waits = true;
        if (actions.some((action) => action.type === 'end')) return;
        const phases = script.supervision.hubs.map(({ phase }) => phase);
        expect(phases.filter((phase) => ['opening', 'serving', 'leaving'].includes(phase)).length).toBeLessThan(2);
        expect(phases.filter((phase) => ['preparing', 'prepared'].includes(phase)).length).toBeLessThan(2);
        const isComing = phases.some((phase) => phase !== 'released' && phase !== 'leaving') || waits;
        expect(isComing || script.supervision.ending !== undefined || phases.includes('leaving')).toBe(true);
      }
    }),
  );
});
