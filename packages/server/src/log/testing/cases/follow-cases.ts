import assert from 'node:assert/strict';
import type { LogEntry } from '../../entry.ts';
import { logCase, type LogCase } from '../log-case.ts';
import { assertRising, dataOf, event, EVERYTHING, message, plain, privately, range, seqs } from '../log-probe.ts';
import { Recorder } from '../recorder.ts';

export const followCases: readonly LogCase[] = [
  logCase('a follower is started with the position, then handed every batch behind it', async (probe) => {
    const before = await probe.append(event('a', { data: '1' }));
    const recorder = new Recorder();
    probe.log.follow(recorder);
    const position = await recorder.started();
    // A store that is elsewhere may not have started it at its newest event.
    assert.ok(position.seq <= before.seq);
    const { seq } = await probe.append(event('a', { data: '2' }), event('a', { data: '3' }));
    await recorder.reached(seq);
    assert.deepEqual(plain(recorder.entries), plain(await probe.read(EVERYTHING, position.seq)));
    assert.match(recorder.steps[0] ?? '', /^start/);
  }),

  logCase('a follower is told the newest public event up to where it starts', async (probe) => {
    const newest: number[] = [];
    const note = async (): Promise<void> => {
      const recorder = new Recorder();
      const following = probe.log.follow(recorder);
      const { seq, publicSeq } = await recorder.started();
      assert.ok(publicSeq <= seq);
      await recorder.reached(await probe.head());
      following.stop();
      newest.push(recorder.entries.findLast((entry) => !entry.private)?.seq ?? publicSeq);
    };
    assert.equal((await probe.position()).publicSeq, (await probe.position()).seq);
    const { seq: one } = await probe.append(event('a'));
    await note();
    await probe.append(privately('a'), privately('b'));
    await note();
    const { seq: other } = await probe.append(event('a'));
    await probe.append(privately('a'));
    await note();
    assert.deepEqual(newest, [one, one, other]);
  }),

  logCase(
    'a log in this process starts a follower within follow(), at its head',
    async (probe) => {
      const { seq } = await probe.append(event('a'));
      const recorder = new Recorder();
      probe.log.follow(recorder);
      assert.deepEqual(recorder.steps, [`start ${seq}`]);
    },
    { needs: ['local'] },
  ),

  logCase(
    'a log in this process hands a batch over before its append resolves',
    async (probe) => {
      const recorder = await probe.follow();
      for (const count of [1, 2, 3]) {
        const { seq } = await probe.append(...range(1, count).map(() => event('a')));
        assert.equal(recorder.entries.at(-1)?.seq, seq);
      }
      assert.equal(recorder.entries.length, 6);
    },
    { needs: ['local'] },
  ),

  logCase('a follower gets the entries that a read gives', async (probe) => {
    const recorder = await probe.follow();
    await probe.append({ topics: ['a', 'b'], fields: { data: 'x\ny', event: 't' } });
    const { seq } = await probe.append({ topics: ['c'], fields: { data: '', id: 'mine' }, private: true });
    await recorder.reached(seq);
    assert.deepEqual(plain(recorder.entries), plain(await probe.read(EVERYTHING)));
  }),

  logCase('a follower gets everything in order, each event once, and no batch in pieces', async (probe) => {
    const recorder = await probe.follow();
    const receipts = await Promise.all(
      range(1, 40).map((n) => probe.append(...range(0, n % 3).map((part) => event('a', { data: `${n}.${part}` })))),
    );
    await recorder.reached(receipts.at(-1)?.seq ?? 0);
    assertRising(recorder.seqs);
    assert.deepEqual(
      dataOf(recorder.entries),
      range(1, 40).flatMap((n) => range(0, n % 3).map((part) => `${n}.${part}`)),
    );
    // Several appends may be handed over together.
    const ends = new Set(receipts.map(({ seq }) => seq));
    for (const step of recorder.steps.slice(1)) assert.ok(ends.has(Number(step.split(/[ ,]/).at(-1))), step);
  }),

  logCase(
    'a follower that starts while appends are under way and a read up to it hold each event once',
    async (probe) => {
      const appends = range(1, 20).map((n) => probe.append(event('a', { data: String(n) })));
      await appends[4];
      const recorder = await probe.follow();
      const [position] = recorder.starts;
      const receipts = await Promise.all(appends);
      await recorder.reached(receipts.at(-1)?.seq ?? 0);
      const before = (await probe.read(EVERYTHING)).filter(({ seq }) => seq <= (position?.seq ?? 0));
      assert.deepEqual(dataOf([...before, ...recorder.entries]), range(1, 20).map(String));
    },
  ),

  logCase('when a batch is handed over, a read sees it and the head has reached it', async (probe) => {
    const { log } = probe;
    const checks: Promise<void>[] = [];
    const check = async (last: number): Promise<void> => {
      assert.ok((await probe.head()) >= last);
      const page = await log.read({ selection: EVERYTHING, after: 0, through: last, maxBytes: 64 * 1024 });
      assert.equal(page.entries.at(-1)?.seq, last);
    };
    const recorder = await probe.follow((batch) => checks.push(check(batch.at(-1)?.seq ?? 0)));
    await probe.publish('a', '1', '2', '3');
    await recorder.reached(await probe.head());
    assert.ok(checks.length > 0);
    await Promise.all(checks);
  }),

  logCase('several followers get the same, and one that follows twice gets everything twice', async (probe) => {
    const [one, other] = [await probe.follow(), await probe.follow()];
    const first = await probe.append(event('a'));
    await one.reached(first.seq);
    probe.log.follow(one);
    await one.until(() => one.starts.length === 2);
    const begun = one.starts[1]?.seq ?? 0;
    const second = await probe.append(event('a'));
    const count = (seq: number): number => one.seqs.filter((each) => each === seq).length;
    await one.until(() => count(second.seq) === 2);
    await other.reached(second.seq);
    assert.deepEqual(other.seqs, [first.seq, second.seq]);
    assert.equal(count(first.seq), begun < first.seq ? 2 : 1);
  }),

  logCase('stop ends that following alone, at once, and can be called again', async (probe) => {
    const shared = new Recorder();
    const stopped = probe.log.follow(shared);
    probe.log.follow(shared);
    const once: Recorder = new Recorder(() => own.stop());
    const own = probe.log.follow(once);
    await shared.until(() => shared.starts.length === 2);
    await once.started();
    const first = await probe.append(event('a'));
    await shared.until(() => shared.entries.length === 2);
    await once.reached(first.seq);
    stopped.stop();
    stopped.stop();
    const witness = await probe.follow();
    const second = await probe.append(event('a'));
    await witness.reached(second.seq);
    await shared.reached(second.seq);
    assert.deepEqual(shared.seqs, [first.seq, first.seq, second.seq]);
    assert.deepEqual(once.seqs, [first.seq]);
  }),

  logCase('followers stay in order where one of them appends', async (probe) => {
    let more: Promise<unknown> | undefined;
    const one = await probe.follow(() => {
      more ??= probe.append(event('a', { data: 'more' }));
    });
    const other = await probe.follow();
    await probe.append(event('a', { data: 'first' }));
    await Promise.all([one.until(() => one.entries.length === 2), other.until(() => other.entries.length === 2)]);
    await more;
    assert.deepEqual(dataOf(one.entries), ['first', 'more']);
    assert.deepEqual(dataOf(other.entries), ['first', 'more']);
  }),

  logCase('a follower that is added by another gets what lies behind its position', async (probe) => {
    const added = new Recorder();
    let more: Promise<unknown> | undefined;
    await probe.follow(() => {
      if (more) return;
      more = probe.append(event('a', { data: '2' }));
      probe.log.follow(added);
    });
    await probe.append(event('a', { data: '1' }));
    const position = await added.started();
    await more;
    const last = await probe.append(event('a', { data: '3' }));
    await added.reached(last.seq);
    const expected = (await probe.read(EVERYTHING)).filter(({ seq }) => seq > position.seq);
    assert.deepEqual(added.seqs, seqs(expected));
  }),

  logCase(
    'after a lost connection a follower is started again, and what lies between can be read',
    async (probe) => {
      const recorder = await probe.follow();
      const before = await probe.append(event('a', { data: '1' }), event('b', { data: '2' }));
      await recorder.reached(before.seq);
      for (const round of range(1, 3)) {
        await probe.cut();
        await probe.publish('a', `${round} a`, `${round} b`);
        await recorder.until(() => recorder.losses >= round && recorder.starts.length > recorder.losses);
        await probe.publish('a', `${round} c`);
      }
      await recorder.reached(await probe.head());
      assert.deepEqual(dataOf(await complete(recorder, (after) => probe.read(EVERYTHING, after))), [
        '1',
        '2',
        ...range(1, 3).flatMap((round) => ['a', 'b', 'c'].map((part) => `${round} ${part}`)),
      ]);
    },
    { needs: ['cut'] },
  ),
];

/** What a follower gets that reads what lies before each new start. */
async function complete(recorder: Recorder, read: (after: number) => Promise<LogEntry[]>): Promise<LogEntry[]> {
  const handed = new Map(recorder.entries.map((entry) => [entry.seq, entry]));
  const got: LogEntry[] = [];
  for (const step of recorder.steps) {
    const [what, numbers = ''] = step.split(' ');
    const last = got.at(-1)?.seq ?? 0;
    if (what === 'start' && Number(numbers) > last) {
      const missed = await read(last);
      got.push(...missed.filter(({ seq }) => seq <= Number(numbers)));
    } else if (what === 'batch') {
      got.push(...numbers.split(',').flatMap((seq) => handed.get(Number(seq)) ?? []));
    }
  }
  assertRising(seqs(got));
  assert.ok(got.every((entry) => message(entry).data !== ''));
  return got;
}
