import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

// Safari takes none that is valid for longer.
const DAYS = '397';

/** PEM, both. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * A new certificate for this machine's own names, signed by itself, so a browser asks before it takes it. The program openssl
 * makes it, because Node cannot; undefined where there is none.
 */
export async function makeCertificate(): Promise<Certificate | undefined> {
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1';
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const owner = ['-subj', '/CN=localhost', '-addext', names, '-days', DAYS];
  try {
    const { stdout } = await run('openssl', ['req', '-x509', ...curve, ...owner, '-keyout', '-', '-out', '-']);
    return { key: block(stdout, 'PRIVATE KEY'), cert: block(stdout, 'CERTIFICATE') };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function block(text: string, label: string): string {
  const found = new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text);
  if (!found) throw new Error(`Cannot make a certificate: openssl wrote no ${label}`);
  return `${found[0]}\n`;
}
