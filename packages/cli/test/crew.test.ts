import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SEED } from '../../../test/seed.ts';
import { type Crew, type CrewAction, type CrewInput, NOBODY, stepCrew } from '../src/workers/crew.ts';
import { Lines } from '../src/workers/lines.ts';

/** Workers and what they have asked for. */
class Script {
  crew: Crew = NOBODY;
  told: string[] = [];

  take(input: CrewInput): readonly CrewAction[] {
    const { crew, actions } = stepCrew(this.crew, input);
    this.crew = crew;
    this.told.push(...actions.flatMap((action) => (action.type === 'tell' ? [action.text] : [])));
    return actions.filter(({ type }) => type !== 'tell');
  }

  static serving(workers: number): Script {
    const script = new Script();
    script.take({ type: 'start', workers });
    for (let number = 1; number <= workers; number += 1) script.take({ type: 'serving', number, now: 0 });
    return script;
  }
}

const killed = (number: number, now: number): CrewInput => ({
  type: 'exited',
  number,
  code: null,
  signal: 'SIGKILL',
  now,
});
const ended = (number: number, code: number): CrewInput => ({ type: 'exited', number, code, signal: null, now: 0 });

describe('the workers of a hub', () => {
  test('are started together, and the hub serves when the last of them does', () => {
    const script = new Script();
    expect(script.take({ type: 'start', workers: 2 })).toEqual([
      { type: 'spawn', number: 1 },
      { type: 'spawn', number: 2 },
    ]);
    expect(script.take({ type: 'serving', number: 2, now: 0 })).toEqual([]);
    expect(script.take({ type: 'serving', number: 1, now: 0 })).toEqual([{ type: 'serving' }]);
  });

  test('are replaced: one that has served for long at once, one that ends again and again after longer and longer waits, of 10 seconds at most', () => {
    const script = Script.serving(2);
    expect(script.take(killed(2, 20_000))).toEqual([{ type: 'wait', number: 2, ms: 0 }]);
    expect(script.take({ type: 'due', number: 2 })).toEqual([{ type: 'spawn', number: 2 }]);
    const waits: number[] = [];
    for (let time = 0; time < 8; time += 1) {
      if (time % 2 === 0) script.take({ type: 'serving', number: 2, now: 30_000 });
      const [action] = script.take(killed(2, 30_001));
      waits.push((action as { ms: number }).ms);
      script.take({ type: 'due', number: 2 });
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    expect(script.told.at(-1)).toBe(
      'Worker 2 was ended by SIGKILL, 8 times in a row soon after it was started; its listeners come back to the others, and the next one starts in 10 s',
    );
    expect(script.crew.members.find(({ number }) => number === 1)?.phase).toBe('serving');
  });

  test('end together: the log is closed when none needs it any more, and the command when the last has ended', () => {
    const script = Script.serving(3);
    script.take(killed(3, 1));
    expect(script.take({ type: 'stop' })).toEqual([
      { type: 'terminate', number: 1 },
      { type: 'terminate', number: 2 },
    ]);
    // One that was waited for is not started any more.
    expect(script.take({ type: 'due', number: 3 })).toEqual([]);
    expect(script.take({ type: 'released', number: 1 })).toEqual([]);
    expect(script.take({ type: 'released', number: 2 })).toEqual([{ type: 'released' }]);
    expect(script.take(ended(1, 0))).toEqual([]);
    expect(script.take(ended(2, 0))).toEqual([{ type: 'end', code: 0 }]);
  });

  test('one that cannot start ends the command, because all would fail in the same way', () => {
    const script = new Script();
    script.take({ type: 'start', workers: 2 });
    expect(script.take(ended(1, 2))).toEqual([{ type: 'terminate', number: 2 }]);
    const asked: CrewInput = { type: 'exited', number: 2, code: null, signal: 'SIGTERM', now: 0 };
    expect(script.take(asked)).toEqual([{ type: 'released' }, { type: 'end', code: 2 }]);
    const stopped = new Script();
    stopped.take({ type: 'start', workers: 1 });
    stopped.take({ type: 'stop' });
    expect(stopped.take({ ...asked, number: 1 })).toEqual([{ type: 'released' }, { type: 'end', code: 0 }]);
  });

  test('whatever happens, there are never two of a number, and a stop ends all of them once', () => {
    const number = fc.integer({ min: 1, max: 3 });
    const input: fc.Arbitrary<CrewInput> = fc.oneof(
      fc.record({ type: fc.constant('serving' as const), number, now: fc.nat(30_000) }),
      fc.record({ type: fc.constant('released' as const), number }),
      fc.record({ type: fc.constant('due' as const), number }),
      fc.tuple(number, fc.nat(30_000)).map(([each, now]) => killed(each, now)),
    );
    fc.assert(
      fc.property(fc.array(input, { maxLength: 60 }), fc.nat(60), (inputs, stopAt) => {
        const script = new Script();
        const running = new Set<number>();
        const waiting = new Set<number>();
        let ends = 0;
        const see = (actions: readonly CrewAction[]): void => {
          for (const action of actions) {
            if (action.type === 'spawn') {
              expect(running.has(action.number)).toBe(false);
              running.add(action.number);
            } else if (action.type === 'wait') waiting.add(action.number);
            else if (action.type === 'end') ends += 1;
          }
        };
        see(script.take({ type: 'start', workers: 3 }));
        for (const [index, each] of inputs.entries()) {
          if (index === stopAt) see(script.take({ type: 'stop' }));
          if ('number' in each && each.type !== 'due' && !running.has(each.number)) continue;
          if (each.type === 'due' && !waiting.delete(each.number)) continue;
          if (each.type === 'exited') running.delete(each.number);
          see(script.take(each));
        }
        see(script.take({ type: 'stop' }));
        for (const each of running) see(script.take(ended(each, 0)));
        expect(ends).toBe(1);
      }),
      { seed: SEED },
    );
  });
});

test('lines of several processes are passed on whole, and one without an end at the end', () => {
  const got: string[] = [];
  const lines = new Lines((text) => got.push(String(text)));
  for (const part of ['{"a":', '1}\n{"b":2}\n{', '"c"']) lines.take(Buffer.from(part));
  expect(got).toEqual(['{"a":1}\n{"b":2}\n']);
  lines.take(Buffer.from(':3}'));
  lines.end();
  expect(got.at(-1)).toBe('{"c":3}\n');
  lines.take(Buffer.alloc(2 ** 20, 'x'));
  expect(got.at(-1)).toHaveLength(2 ** 20 + 1);
});
