import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { workerd } from '../../../test/runtimes.ts';

/** A Worker of one module in a process of workerd, which may connect to this machine. */
export class WorkerProcess implements Disposable {
  readonly origin: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(origin: string, child: ChildProcess, folder: string) {
    this.origin = origin;
    this.#child = child;
    this.#folder = folder;
  }

  /** @param date - the compatibility date: the runtime behaves as it did on that day */
  static async start(code: string, date: string): Promise<WorkerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'tidings-worker-'));
    writeFileSync(join(folder, 'worker.mjs'), code);
    writeFileSync(join(folder, 'config.capnp'), configuration(date));
    const child = spawn(workerd.path, ['serve', '--control-fd=3', 'config.capnp'], {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
    });
    let complaints = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => void (complaints += text));
    const port = await new Promise<number>((resolve, reject) => {
      let output = '';
      child.stdio[3]?.on('data', (bytes: Buffer) => {
        output += bytes.toString();
        const found = /"port":(\d+)/.exec(output);
        if (found) resolve(Number(found[1]));
      });
      child.on('error', reject);
      child.on('exit', (exit) => reject(new Error(`workerd ended with ${String(exit)}: ${complaints}`)));
    });
    return new WorkerProcess(`http://127.0.0.1:${port}`, child, folder);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configuration(date: string): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
      compatibilityDate = "${date}",
      globalOutbound = "outside",
    )),
    (name = "outside", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
`;
}
