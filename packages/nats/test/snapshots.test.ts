import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, test } from 'vitest';
import { isMissing } from '../../../test/missing.ts';
import { Snapshots } from '../src/store/snapshots.ts';
import { newName, serverOfFile } from './rig.ts';

describe.skipIf(isMissing('nats-server'))('a snapshot', () => {
  const file = serverOfFile(isMissing('nats-server'));

  const textOf = async function* (...parts: string[]): AsyncGenerator<Uint8Array, undefined, undefined> {
    for (const part of parts) yield Buffer.from(part);
    await Promise.resolve();
  };
  const open = async (): Promise<Snapshots> =>
    new Snapshots(jetstream(file.connection), await jetstreamManager(file.connection), newName(), 1);
  const newest = async (snapshots: Snapshots, created = 'now'): Promise<string | undefined> => {
    const found = await snapshots.newest(created);
    if (!found) return undefined;
    let text = `${found.at}: `;
    for await (const part of found.text) text += Buffer.from(part).toString();
    return text;
  };
  const last = (seq: number) => (): Promise<number> => Promise.resolve(seq);

  test('of a node that is behind, or has stood still meanwhile, does not take the place of one that has more', async () => {
    const snapshots = await open();
    expect(await snapshots.store({ created: 'now', at: 10 }, textOf('a', 'b'), last(12))).toMatchObject({ at: 10 });
    expect(await snapshots.store({ created: 'now', at: 9 }, textOf('c'), last(12))).toMatchObject({ at: 10, bytes: 2 });
    expect(await snapshots.store({ created: 'now', at: 10 }, textOf('d'), last(12))).toMatchObject({
      at: 10,
      bytes: 2,
    });
    expect(await newest(snapshots)).toBe('10: ab');
    expect(await snapshots.store({ created: 'now', at: 11 }, textOf('e'), last(12))).toMatchObject({ at: 11 });
    expect(await newest(snapshots)).toBe('11: e');
  });

  test('takes the place of one of another stream, and of one that has messages that were lost', async () => {
    const snapshots = await open();
    await snapshots.store({ created: 'before', at: 10 }, textOf('a'), last(10));
    await snapshots.store({ created: 'now', at: 7 }, textOf('b'), last(7));
    expect([await newest(snapshots, 'before'), await newest(snapshots)]).toEqual([undefined, '7: b']);
    await snapshots.store({ created: 'now', at: 5 }, textOf('c'), last(6));
    expect(await newest(snapshots)).toBe('5: c');
  });
});
