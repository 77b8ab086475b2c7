import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { describe, expect, test } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { SEED } from '../../../test/seed.ts';
import { checkDataFile } from '../src/folder/data-file.ts';
import { DamagedFileError } from '../src/folder/pages.ts';
import { event, openLog, range, spawnLog } from './rig.ts';

const PAGE = 4096;

/** A data file as a log leaves it: with a branch, events in pages of their own, and pages that are free. */
async function image(): Promise<Buffer> {
  const path = folder({});
  const log = await openLog({ path, retention: { maxEvents: 400 } });
  for (let n = 0; n < 10; n += 1) {
    await log.append(range(1, 60).map((each) => event(`topic ${each % 7}`, 'x'.repeat(each % 20 === 0 ? 9000 : 100))));
    await log.trim();
  }
  await log.close();
  return readFileSync(join(path, 'data.mdb'));
}

async function whole(bytes: Buffer): Promise<boolean> {
  const file = join(folder({}), 'data.mdb');
  writeFileSync(file, bytes);
  return await checkDataFile(file).then(
    () => true,
    (error: unknown) => {
      expect(error).toBeInstanceOf(DamagedFileError);
      return false;
    },
  );
}

describe('the check of a data file', () => {
  test('finds what LMDB writes to be whole, whatever was put and removed', async () => {
    let seed = SEED;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7f_ff_ff_ff;
      return seed % below;
    };
    const path = folder({});
    const root = open({ path, noSubdir: false, overlappingSync: false });
    const [byNumber, byName] = ['numbers', 'names'].map((name) => root.openDB<Buffer>({ name, encoding: 'binary' }));
    for (let round = 0, next = 0, first = 0; round < 30; round += 1) {
      await root.transaction(() => {
        for (let count = random(800); count > 0; count -= 1) {
          void byNumber!.put((next += 1), Buffer.alloc(random(count % 50 === 0 ? 60_000 : 300)));
          void byName!.put(['ü'.repeat(random(200)), next], Buffer.alloc(0));
        }
        for (let count = random(900); count > 0 && first < next; count -= 1) void byNumber!.remove((first += 1));
      });
      expect(await checkDataFile(join(path, 'data.mdb'))).toEqual(['names', 'numbers']);
    }
    await root.close();
  });

  test('finds a file that was cut anywhere, unless only free pages are missing', async () => {
    const bytes = await image();
    expect(await whole(bytes)).toBe(true);
    let last = bytes.length;
    while (await whole(bytes.subarray(0, last - PAGE))) last -= PAGE;
    for (let size = 1; size < last; size += PAGE - 7)
      expect([size, await whole(bytes.subarray(0, size))]).toEqual([size, false]);
  });

  test('finds every page that is empty, another one, or of a later time', async () => {
    const bytes = await image();
    let found = 0;
    for (let at = 0; at < bytes.length; at += PAGE) {
      const change = async (how: (page: Buffer) => unknown): Promise<boolean> => {
        const changed = Buffer.from(bytes);
        how(changed.subarray(at, at + PAGE));
        return !(await whole(changed));
      };
      const empty = await change((page) => page.fill(0));
      const other = await change((page) => bytes.copy(page, 0, at === PAGE * 3 ? PAGE * 4 : PAGE * 3));
      // A run of pages for a large event has a header on the first alone, and a free page holds anything.
      expect(other).toBe(empty);
      if (!empty) continue;
      found += 1;
      if (at >= 2 * PAGE) expect(await change((page) => page.writeUInt8(0xff, 13))).toBe(true);
    }
    expect(found).toBeGreaterThan(20);
  });

  test('lets nothing through that ends the process', async () => {
    const bytes = await image();
    const parts = [0.1, 0.5, 0.9].map((part) => bytes.subarray(0, Math.floor((bytes.length * part) / PAGE) * PAGE));
    const zeros = Buffer.from(bytes).fill(0, bytes.length / 2);
    for (const [index, damaged] of [...parts, zeros, bytes.subarray(0, 2 * PAGE), bytes.subarray(0, 100)].entries()) {
      const path = join(folder({}), String(index));
      mkdirSync(path);
      writeFileSync(join(path, 'data.mdb'), damaged);
      expect((await spawnLog(path)).first).toBe('ERR_DATA_DAMAGED');
    }
    expect(await whole(Buffer.alloc(100_000, 'x'))).toBe(false);
    expect(await whole(Buffer.alloc(0))).toBe(true);
  });
});
