import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RemoteLog } from '@tidings/server/log/remote';
import type { LogHarness, LogHarnessOptions } from '@tidings/server/log/testing';
import type { HostCommand } from './log-host-process.ts';

/** Logs in memory in a process of their own, each behind a Unix socket. */
export class HostProcess {
  readonly #child = fork(fileURLToPath(new URL('log-host-process.ts', import.meta.url)), { execArgv: [] });
  // The mode 700 is that of every such folder.
  readonly #folder = mkdtempSync(join(tmpdir(), 'tidings-host-'));
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #number = 0;
  #logs = 0;

  constructor() {
    this.#child.on('message', (message) => {
      const { number, value } = message as { number: number; value: unknown };
      this.#waiting.get(number)?.(value);
      this.#waiting.delete(number);
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  do(command: HostCommand): Promise<unknown> {
    this.#number += 1;
    const number = this.#number;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#child.send({ number, command });
    });
  }

  /** A path at which no log is. */
  newPath(): string {
    this.#logs += 1;
    return join(this.#folder, `${this.#logs}.sock`);
  }

  async open({ clock, retention = {} }: LogHarnessOptions): Promise<LogHarness & { readonly path: string }> {
    const path = this.newPath();
    await this.do({ do: 'open', path, retention, time: clock.time() });
    const log = await RemoteLog.open({ path });
    return {
      log,
      path,
      advance: async (ms) => void (await this.do({ do: 'advance', path, ms })),
      beginEpoch: async () => {
        const epoch = await this.do({ do: 'begin epoch', path });
        await followsIn(log, ({ epoch: found }) => found === epoch);
        return log;
      },
      cut: async () => {
        const again = followsIn(log, undefined);
        await this.do({ do: 'cut', path });
        await again;
      },
      dispose: async () => {
        await log.close();
        await this.do({ do: 'close', path });
      },
    };
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Resolves when a log follows, where that is as asked for: by default when it has been lost and follows again. */
function followsIn(log: RemoteLog, isIt: ((start: { readonly epoch: string }) => boolean) | undefined): Promise<void> {
  return new Promise((resolve) => {
    let isLost = false;
    const following = log.follow({
      onStart(start) {
        if (!(isIt ? isIt(start) : isLost)) return;
        queueMicrotask(() => following.stop());
        resolve();
      },
      onBatch: () => {},
      onLost: () => {
        isLost = true;
      },
    });
  });
}
