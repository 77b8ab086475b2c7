import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A project of its own that has the client installed, for runtimes that load it by their own conditions. */
export class InstalledClient implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'tidings-client-'));

  constructor() {
    const dependencies: Record<string, string> = {};
    for (const name of ['client', 'wire']) {
      const from = join(import.meta.dirname, '../..', name);
      const to = join(this.folder, 'node_modules/@tidings', name);
      cpSync(join(from, 'package.json'), join(to, 'package.json'));
      cpSync(join(from, 'dist'), join(to, 'dist'), { recursive: true });
      const { version } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as { version: string };
      dependencies[`@tidings/${name}`] = version;
    }
    this.write('package.json', JSON.stringify({ private: true, type: 'module', dependencies }));
  }

  /** Returns the path of the file. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
