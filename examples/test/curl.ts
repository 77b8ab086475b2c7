import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface CurlResult {
  /** What it wrote on standard output, a byte for a character. */
  readonly output: string;
  /** Its exit code; null where it was stopped because it had written enough. */
  readonly code: number | null;
}

/** Runs curl until it ends, or until what it wrote matches. */
export async function curl(args: readonly string[], until?: RegExp): Promise<CurlResult> {
  // The limit is there for a server that says nothing: then the test fails by what it finds, not by its time.
  const child = spawn('curl', ['--silent', '--no-buffer', '--max-time', '20', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const close = once(child, 'close');
  let output = '';
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    output += chunk;
    if (until?.test(output)) child.kill('SIGKILL');
  });
  const [code] = (await close) as [number | null];
  return { output, code };
}

/** The chunks of a body in HTTP/1.1's chunked coding, in which each write is a chunk. */
export function writes(raw: string): string[] {
  const body = raw.slice(raw.indexOf('\r\n\r\n') + 4);
  const found: string[] = [];
  for (let at = 0; ;) {
    const lineEnd = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.slice(at, lineEnd), 16);
    const end = lineEnd + 2 + size;
    if (lineEnd === -1 || !(size > 0) || end > body.length) return found;
    found.push(body.slice(lineEnd + 2, end));
    at = end + 2;
  }
}
