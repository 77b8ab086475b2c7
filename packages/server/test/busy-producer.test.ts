import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';

// A process of its own: a producer that never waits would keep the test waiting for ever, too.
const PROGRAM = new URL('busy-producer-process.ts', import.meta.url).pathname;

test.each(['append', 'flush', 'iterable', 'stream', 'library'])(
  'a producer whose next chunk is always there leaves others their turns, and can be stopped: %s',
  async (kind) => {
    const child = spawn(process.execPath, [PROGRAM, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    expect(await text(child.stdout)).toBe('stopped\n');
  },
);
