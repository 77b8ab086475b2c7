import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { LmdbError, LmdbLog, type LmdbLogOptions } from '@tidings/lmdb';
import { formatCursor } from '@tidings/server/log';
import { open } from 'lmdb';
import { describe, expect, onTestFinished, test } from 'vitest';
import { folder } from '../../../test/folder.ts';
import { needed } from '../../../test/missing.ts';
import { event, EVERYTHING, headOf, openLog, positionOf, seqs, spawnLog } from './rig.ts';

// The user of no files.
const NOBODY = 65_534;

describe('the data folder', () => {
  test('is made where it is missing', async () => {
    const log = await openLog({ path: join(folder({}), 'a', 'b') });
    expect((await log.append([event('a')])).seq).toBe(1);
  });

  test('has an epoch of its own', async () => {
    const [one, other] = [await openLog(), await openLog()];
    expect(positionOf(one).epoch).not.toBe(positionOf(other).epoch);
  });

  test('that is copied has an epoch of its own, and honours cursors up to where the copy was made', async () => {
    const [path, copy] = [folder({}), folder({})];
    const original = await openLog({ path });
    await original.append([event('a'), event('a', 'y')]);
    const shared = formatCursor(positionOf(original));
    // It is copied while it is open.
    cpSync(path, copy, { recursive: true });
    const first = await original.append([event('a')]);
    const restored = await openLog({ path: copy });
    const other = await restored.append([event('a')]);
    expect([first.seq, other.seq]).toEqual([3, 3]);
    expect(other.id).not.toBe(first.id);
    expect(await restored.locate(first.id)).toMatchObject({ after: 0, head: 3, misplaced: 'foreign' });
    expect(await original.locate(other.id)).toMatchObject({ after: 0, head: 3, misplaced: 'foreign' });
    for (const log of [original, restored]) {
      const place = await log.locate(shared);
      expect(place).toMatchObject({ after: 2, head: 3 });
      expect(place.misplaced).toBeUndefined();
    }
  });

  test('that is set back to what it was gives no id twice, and says what is foreign to it', async () => {
    const [path, snapshot] = [folder({}), folder({})];
    const log = await openLog({ path });
    const kept = await log.append([event('a')]);
    await log.close();
    cpSync(path, snapshot, { recursive: true });
    const next = await openLog({ path });
    const lost = [await next.append([event('a')]), await next.append([event('a')])];
    await next.close();
    // Whatever names the file is the same as before: only the bytes are older.
    copyFileSync(join(snapshot, 'data.mdb'), join(path, 'data.mdb'));
    copyFileSync(join(snapshot, 'state.json'), join(path, 'state.json'));
    const again = await openLog({ path });
    expect((await again.locate(kept.id)).misplaced).toBeUndefined();
    for (const { id } of lost) expect((await again.locate(id)).misplaced).toBe('foreign');
    const given = [await again.append([event('a')]), await again.append([event('a')])];
    for (const [index, { seq, id }] of given.entries()) {
      expect(seq).toBe(lost[index]!.seq);
      expect(id).not.toBe(lost[index]!.id);
    }
  });

  test('keeps the ids and cursors of every time it was open', async () => {
    const path = folder({});
    const ids: string[] = [];
    for (let n = 1; n <= 5; n += 1) {
      const log = await openLog({ path });
      ids.push((await log.append([event('a')])).id, formatCursor(positionOf(log)));
      const { entries } = await log.read({ selection: EVERYTHING, after: 0, through: n, maxBytes: 2 ** 20 });
      expect(entries.map(({ id }) => id)).toEqual(ids.filter((_, index) => index % 2 === 0));
      for (const [index, id] of ids.entries()) {
        expect(await log.locate(id)).toMatchObject({ after: Math.floor(index / 2) + 1, head: n, trims: 0 });
      }
      await log.close();
    }
  });

  test.each(['hub.example.org', 'data-1.0', 'é ü.d', 'x.mdb', '.hidden'])('may be named %s', async (name) => {
    const path = join(folder({}), name);
    const log = await openLog({ path });
    await log.append([event('a')]);
    expect(existsSync(join(path, 'data.mdb'))).toBe(true);
  });

  test("is its owner's alone, with all of its files, also those that were there", async () => {
    const path = join(folder({}), 'data');
    const log = await openLog({ path });
    await log.append([event('a')]);
    const mode = (file: string): string => (statSync(join(path, file)).mode & 0o777).toString(8);
    const modes = (): Record<string, string> => Object.fromEntries(readdirSync(path).map((file) => [file, mode(file)]));
    const closed = Object.fromEntries(Object.keys(modes()).map((file) => [file, '600']));
    expect(Object.keys(closed)).toContain('data.mdb');
    expect(modes()).toEqual(closed);
    expect(mode('.')).toBe('700');
    await log.close();
    for (const file of readdirSync(path)) chmodSync(join(path, file), 0o666);
    await openLog({ path });
    expect(modes()).toEqual(closed);
  });

  test('that a worker of this process has open is in use, and stays so for other processes', async () => {
    const path = folder({});
    const log = await openLog({ path });
    const worker = new Worker(new URL('log-process.ts', import.meta.url), { argv: [path], stdout: true });
    onTestFinished(() => void worker.terminate());
    const [said] = (await once(worker.stdout, 'data')) as [Buffer];
    expect(said.toString().trim()).toBe('ERR_DATA_IN_USE');
    await worker.terminate();
    expect((await spawnLog(path)).first).toBe('ERR_DATA_IN_USE');
    await log.append([event('a')]);
  });

  const mount = (path: string): boolean =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=200k', 'tidings-test', path]).status === 0;
  const tried = mkdtempSync(join(tmpdir(), 'tidings-mount-'));
  const canMount = mount(tried) && spawnSync('umount', [tried]).status === 0;
  rmSync(tried, { recursive: true });

  test.skipIf(!canMount)('on a full disk cannot be made, and can as soon as there is room', async () => {
    const disk = folder({});
    mount(disk);
    onTestFinished(() => void spawnSync('umount', ['--lazy', disk]));
    const path = join(disk, 'data');
    for (const left of [0, 8, 40, 60, 120]) {
      writeFileSync(join(disk, 'ballast'), Buffer.alloc((200 - left) * 1024));
      // In a process of its own: LMDB would end it.
      expect((await spawnLog(path)).first).toBe('ERR_DATA_FOLDER');
      await expect(LmdbLog.open({ path })).rejects.toThrow(/is full.*Make room/);
    }
    rmSync(join(disk, 'ballast'));
    spawnSync('mount', ['-o', 'remount,size=2m', disk]);
    expect((await (await openLog({ path })).append([event('a')])).seq).toBe(1);
  });

  test('on a file system that is mounted read-only cannot be used, and can as soon as that is writable', async ({
    skip,
  }) => {
    needed(canMount ? undefined : 'nothing can be mounted', skip);
    const disk = folder({});
    const path = join(disk, 'data');
    const log = await LmdbLog.open({ path });
    await log.append([event('a')]);
    await log.close();
    spawnSync('mount', ['--bind', disk, disk]);
    onTestFinished(() => void spawnSync('umount', ['--lazy', disk]));
    spawnSync('mount', ['-o', 'remount,bind,ro', disk]);
    const before = readFileSync(join(path, 'data.mdb'));
    for (const there of [path, join(disk, 'new')]) {
      await expect(LmdbLog.open({ path: there })).rejects.toMatchObject({
        code: 'ERR_DATA_FOLDER',
        message: `The data folder ${there} is on a file system that is mounted read-only. Mount it for writing`,
      });
      // LMDB must not end the process either.
      expect((await spawnLog(there)).first).toBe('ERR_DATA_FOLDER');
    }
    expect(readFileSync(join(path, 'data.mdb')).equals(before)).toBe(true);
    spawnSync('mount', ['-o', 'remount,bind,rw', disk]);
    const again = await openLog({ path });
    expect([await seqs(again), (await again.append([event('a')])).seq]).toEqual([[1], 2]);
  });

  /** What a user without rights, `nobody`, is told about a folder. The program is loaded before it becomes that user, who may not read the checkout. */
  const asNobody = (path: string): string => {
    const program = `
      import { LmdbLog } from '@tidings/lmdb';
      process.setgroups([]);
      process.setgid(${NOBODY});
      process.setuid(${NOBODY});
      try {
        await (await LmdbLog.open({ path: process.argv[1] })).close();
        console.log('open');
      } catch (error) {
        console.log(error.code + ' ' + error.message);
      }`;
    const args = ['--input-type=module', '--eval', program, path];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' });
    return (stdout || stderr).trim();
  };
  const whyNotRoot = process.getuid?.() === 0 ? undefined : 'only root can become another user';

  test('of another user is refused, with both users and what to do, and is left as it is', async ({ skip }) => {
    needed(whyNotRoot, skip);
    const root = folder({});
    chmodSync(root, 0o711);
    const path = join(root, 'data');
    const log = await LmdbLog.open({ path });
    await log.append([event('a')]);
    await log.close();
    const before = readFileSync(join(path, 'data.mdb'));
    const refusal = (what: string): string =>
      `ERR_DATA_FOLDER The data folder ${what} may not be read and written by this user (uid ${NOBODY}); its owner is uid `;
    expect(asNobody(path)).toBe(`${refusal(path)}0. Run as its owner, or change its owner`);
    // Whose folder it is does not help where the files are those of others.
    chownSync(path, NOBODY, NOBODY);
    expect(asNobody(path).startsWith(refusal(path))).toBe(true);
    expect(readFileSync(join(path, 'data.mdb')).equals(before)).toBe(true);
    // A folder that is not there yet cannot be made in that of another, and can in their own.
    expect(asNobody(join(root, 'new')).startsWith('ERR_DATA_FOLDER ')).toBe(true);
    expect(existsSync(join(root, 'new'))).toBe(false);
    for (const file of readdirSync(path)) chownSync(join(path, file), NOBODY, NOBODY);
    expect(asNobody(path)).toBe('open');
  });

  const namespace = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const hasNamespaces = spawnSync(namespace[0]!, [...namespace.slice(1), 'true']).status === 0;

  test.skipIf(!hasNamespaces)(
    'that a process of another namespace has open is in use, though both have the same number',
    async () => {
      const path = folder({});
      const { first, child } = await spawnLog(path, namespace);
      expect(first).toBe('open');
      for (const other of [namespace, []]) expect((await spawnLog(path, other)).first).toBe('ERR_DATA_IN_USE');
      await expect(LmdbLog.open({ path })).rejects.toMatchObject({ code: 'ERR_DATA_IN_USE' });
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      await expect.poll(async () => (await spawnLog(path, namespace)).first, { timeout: 10_000 }).toBe('open');
    },
  );

  test('that another log of this process has open is in use, however it is named', async () => {
    const path = folder({});
    const log = await openLog({ path });
    for (const name of [path, `${path}/../${path.split('/').at(-1)}/`]) {
      await expect(LmdbLog.open({ path: name })).rejects.toMatchObject({
        name: 'LmdbError',
        code: 'ERR_DATA_IN_USE',
        message: expect.stringMatching(/^This process .*has the data folder .*open already/) as string,
      });
    }
    await log.append([event('a')]);
    await log.close();
    expect(await headOf(await openLog({ path }))).toBe(1);
  });

  test('that this process has open is in use for another one', async () => {
    const path = folder({});
    const log = await openLog({ path });
    expect((await spawnLog(path)).first).toBe('ERR_DATA_IN_USE');
    await log.append([event('a')]);
    await seqs(log);
    await log.trim();
    expect((await spawnLog(path)).first).toBe('ERR_DATA_IN_USE');
    expect((await log.append([event('a')])).seq).toBe(2);
    await log.close();
    expect((await spawnLog(path)).first).toBe('open');
  });

  test('that another process has open is in use until that one is gone, be it by SIGKILL', async () => {
    const path = folder({});
    const { first, child } = await spawnLog(path);
    expect(first).toBe('open');
    child.send(event('a'));
    expect(await once(child, 'message')).toMatchObject([{ seq: 1 }, undefined]);
    await expect(LmdbLog.open({ path })).rejects.toMatchObject({ code: 'ERR_DATA_IN_USE' });
    await expect(LmdbLog.open({ path })).rejects.toMatchObject({ code: 'ERR_DATA_IN_USE' });
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const log = await openLog({ path });
    expect(await headOf(log)).toBe(1);
    expect((await log.append([event('a')])).seq).toBe(2);
  });

  const UNUSABLE: readonly [what: string, make: (root: string) => string][] = [
    [
      'is a file',
      (root) => {
        writeFileSync(join(root, 'file'), '');
        return join(root, 'file');
      },
    ],
    [
      'lies below a file',
      (root) => {
        writeFileSync(join(root, 'file'), '');
        return join(root, 'file', 'data');
      },
    ],
    [
      'is a link to nowhere',
      (root) => {
        symlinkSync(join(root, 'nowhere'), join(root, 'link'));
        return join(root, 'link');
      },
    ],
    ['is a device', () => '/dev/null'],
    [
      'has a folder where the locks should be',
      (root) => {
        mkdirSync(join(root, 'lock.mdb'));
        return root;
      },
    ],
    ['cannot be made', () => '/sys/tidings'],
    ['cannot be written', () => '/proc/self'],
    [
      'has a folder where the data should be',
      (root) => {
        mkdirSync(join(root, 'data.mdb'));
        return root;
      },
    ],
  ];

  test.each(UNUSABLE)('that %s cannot be used', async (_, make) => {
    const path = make(folder({}));
    const opening = LmdbLog.open({ path });
    await expect(opening).rejects.toThrow(LmdbError);
    await expect(opening).rejects.toMatchObject({ code: 'ERR_DATA_FOLDER', message: expect.stringContaining(path) });
  });

  test('that is removed while it is being opened is an error that says so, and one that is removed later can be closed', async () => {
    // Each round removes it a little later.
    for (let turns = 0; turns < 10; turns += 1) {
      const path = folder({});
      const opening = LmdbLog.open({ path });
      opening.catch(() => {});
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
      rmSync(path, { recursive: true });
      const log = await opening.catch((error: unknown) => {
        expect(error).toMatchObject({
          code: 'ERR_DATA_FOLDER',
          message: expect.stringContaining('was removed or renamed'),
        });
      });
      await log?.close();
    }
  });

  test('with data of another program of LMDB is refused, and left as it is', async () => {
    const path = folder({});
    for (const name of [undefined, 'theirs']) {
      const root = open({ path, noSubdir: false });
      await (name === undefined ? root : root.openDB({ name })).put('key', 'value');
      await root.close();
      const before = readFileSync(join(path, 'data.mdb'));
      await expect(LmdbLog.open({ path })).rejects.toMatchObject({
        code: 'ERR_DATA_DAMAGED',
        message: expect.stringContaining('another program made it'),
      });
      expect(readFileSync(join(path, 'data.mdb')).equals(before)).toBe(true);
      rmSync(join(path, 'data.mdb'));
    }
  });

  test('of another format is refused, and left as it is', async () => {
    const path = folder({});
    await (await LmdbLog.open({ path })).close();
    const format = async (write?: number): Promise<unknown> => {
      const root = open({ path, maxDbs: 32 });
      const meta = root.openDB<unknown, string>({ name: 'meta', encoding: 'json' });
      if (write !== undefined) await meta.put('format', write);
      const found = meta.get('format');
      await root.close();
      return found;
    };
    for (const other of [1, 2]) {
      await format(other);
      for (let attempt = 0; attempt < 2; attempt += 1) {
        await expect(LmdbLog.open({ path })).rejects.toMatchObject({
          code: 'ERR_DATA_FORMAT',
          message: `The data folder ${path} has the format ${other}, and this version reads 5. Open it with the version that wrote it, or move it away to begin without its events`,
        });
      }
      expect(await format()).toBe(other);
    }
  });

  test.each([3, 4])('of the format %i is read, and becomes one of the present format', async (earlier) => {
    const path = folder({});
    const before = await LmdbLog.open({ path });
    await before.append([event('a')]);
    await before.close();
    const format = async (write?: number): Promise<unknown> => {
      const root = open({ path, maxDbs: 32 });
      const meta = root.openDB<unknown, string>({ name: 'meta', encoding: 'json' });
      if (write !== undefined) await meta.put('format', write);
      const found = meta.get('format');
      await root.close();
      return found;
    };
    await format(earlier);
    const log = await LmdbLog.open({ path });
    expect(await seqs(log)).toEqual([1]);
    await log.append([{ ...event('a'), final: true }]);
    await log.close();
    expect(await format()).toBe(5);
    const again = await openLog({ path });
    expect((await again.topics.status('a')).state).toBe('closed');
  });

  test('with an empty file, as a full disk may leave it, is a new one', async () => {
    const path = folder({});
    writeFileSync(join(path, 'data.mdb'), '');
    expect((await (await openLog({ path })).append([event('a')])).seq).toBe(1);
  });

  test('refuses bounds and times that cannot be, before it makes the folder', async () => {
    const path = join(folder({}), 'new');
    for (const options of [
      { maxKeys: -1 },
      { maxBatchEvents: 0 },
      { maxEventBytes: 0 },
      { maxWaitingBytes: 0 },
      { trimEveryMs: 0 },
      { onError: 7 as never },
      { trimEveryMs: 2 ** 31 },
      { retention: { maxEvents: -1 } },
      { retention: { perTopic: {} as never } },
      { retention: { perTopic: [{ topics: 'a' as never, maxEvents: 1 }] } },
      { retention: { perTopic: [{ topics: [{ pattern: 'a/:b' } as never], maxEvents: 1 }] } },
      { retention: { perTopic: [{ topics: [{ pattern: 'a/(b)', base: 'https://example.com/' }], maxEvents: 1 }] } },
      { scanMs: 0 },
      { scanMs: 1001 },
    ]) {
      await expect(LmdbLog.open({ path, ...options })).rejects.toMatchObject({
        name: 'LmdbError',
        code: 'ERR_INVALID_OPTION',
      });
    }
    expect(existsSync(path)).toBe(false);
  });

  test('must be named', async () => {
    for (const path of ['', undefined, 7]) {
      await expect(LmdbLog.open({ path } as LmdbLogOptions)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    }
    for (const [options, found] of [
      [undefined, 'undefined'],
      [null, 'null'],
      ['folder', '"folder"'],
      [[], 'an array'],
    ]) {
      await expect(LmdbLog.open(options as unknown as LmdbLogOptions)).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        message: `The options are ${String(found)}, but must be an object with the path of the data folder`,
      });
    }
  });
});
