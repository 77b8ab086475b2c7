import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryLog } from '@tidings/server/log';
import { LogHost, type LogHostOptions, RemoteLog, type RemoteLogOptions } from '@tidings/server/log/remote';
import { onTestFinished } from 'vitest';

/** A log in this process, its host, and connections to it over a pair of sockets. */
export async function hosted(options: LogHostOptions = {}): Promise<{
  readonly kept: MemoryLog;
  readonly logHost: LogHost;
  readonly path: string;
  open(more?: RemoteLogOptions): Promise<RemoteLog>;
}> {
  const kept = new MemoryLog();
  const logHost = new LogHost(kept, options);
  const folder = mkdtempSync(join(tmpdir(), 'tidings-host-'));
  const path = join(folder, 'log.sock');
  await logHost.listen(path);
  const logs: RemoteLog[] = [];
  onTestFinished(async () => {
    await Promise.all(logs.map((log) => log.close()));
    logHost.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const open = async (more: RemoteLogOptions = {}): Promise<RemoteLog> => {
    const log = await RemoteLog.open({ path, ...more });
    logs.push(log);
    return log;
  };
  return { kept, logHost, path, open };
}
