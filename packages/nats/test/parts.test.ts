import { expect, test } from 'vitest';
import { partsOf } from '../src/replica/parts.ts';
import { Replica } from '../src/replica/replica.ts';

const HOUR_MS = 3_600_000;

/** A replica, and nodes that send it messages. */
function begun(): { readonly replica: Replica; send(message: Uint8Array): Promise<boolean> } {
  const replica = new Replica({ onBatch: () => {}, onLog: () => {} });
  let at = 0;
  return {
    replica,
    async send(message) {
      at += 1;
      return (await replica.apply(at, message)) !== undefined;
    },
  };
}

const append = (data: string): unknown => ({
  op: 'append',
  events: [{ topics: ['a'], fields: { data } }],
  options: {},
});

/** The messages of a node: of a command that takes several, or of one that takes one. */
function messages(
  node: string,
  number: number,
  moment: { time: number; now: number },
  commands: unknown[],
): readonly Uint8Array[] {
  return partsOf({ node, number, time: moment.time }, JSON.stringify({ ...moment, commands }), 16 * 1024);
}

test.each([
  ['behind', -HOUR_MS],
  ['ahead', HOUR_MS],
])(
  'a message in parts is carried out, and what another node left behind of one is dropped, though clocks are an hour %s',
  async (_, skew) => {
    const time = 1_700_000_000_000;
    const { replica, send } = begun();
    const begin = { op: 'begin', epoch: 'e', earlier: [], settings: { retention: {} } };
    for (const message of messages('one', 1, { time, now: 1000 }, [begin])) expect(await send(message)).toBe(true);
    const large = messages('other', 1, { time: time + skew, now: 1000 }, [append('x'.repeat(20_000))]);
    const [left] = messages('gone', 1, { time: time + skew, now: 1000 }, [append('y'.repeat(20_000))]);
    await send(left!);
    for (const [index, part] of large.entries()) {
      const [between] = messages('one', 2 + index, { time, now: 1000 + index }, [append('small')]);
      expect(await send(between!)).toBe(true);
      expect(await send(part)).toBe(index === large.length - 1);
    }
    expect(large.length).toBeGreaterThan(1);
    expect(replica.isWhole).toBe(false);
    for (const now of [62_000, 62_001]) {
      const [later] = messages('one', now, { time, now }, [append('small')]);
      await send(later!);
    }
    expect(replica.isWhole).toBe(true);
    await replica.close();
  },
);
