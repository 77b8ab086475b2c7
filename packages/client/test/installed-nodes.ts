import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** This Node, and any other on the path that the packages promise to run on. */
export function installedNodes(): { path: string; version: string }[] {
  const found = new Map([[process.version, process.execPath]]);
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'node');
    if (!existsSync(path)) continue;
    const version = execFileSync(realpathSync(path), ['--version'], { encoding: 'utf8' }).trim();
    const [major = 0, minor = 0] = version.slice(1).split('.').map(Number);
    const isPromised = major > 20 || (major === 20 && minor >= 19);
    if (isPromised && !found.has(version)) found.set(version, path);
  }
  return Array.from(found, ([version, path]) => ({ version, path }));
}
