import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkCertificate } from '@tidings/hub';
import { CliError } from '../../errors.ts';

/** A certificate for programs on this machine, and where it is; in memory it has no place. */
export interface DevCertificate {
  readonly cert: string;
  readonly key: string;
  readonly file: string | undefined;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** How long it is valid, in days. Safari takes none that is valid for longer than 825. */
const DAYS = 365;

/** It is made anew when it is valid for less than this, in days. */
const MIN_DAYS = 30;

const NAMES = ['localhost'];
const ADDRESSES = ['127.0.0.1', '::1'];

/**
 * The certificate of a data folder. It is made if there is none that can be used, for the owner of the folder alone.
 *
 * @param folder undefined to keep it in memory
 * @throws {CliError} `ERR_DATA`
 */
export async function devCertificate(folder: string | undefined): Promise<DevCertificate> {
  if (folder === undefined) return { ...(await make()), file: undefined };
  const [certFile, keyFile] = [join(folder, 'tls-dev-cert.pem'), join(folder, 'tls-dev-key.pem')];
  const kept = await readKept(certFile, keyFile);
  if (kept) return { ...kept, file: certFile };
  const made = await make();
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await write(keyFile, made.key);
    await write(certFile, made.cert);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('ERR_DATA', `the development certificate cannot be written: ${why}`, { cause: error });
  }
  return { ...made, file: certFile };
}

async function readKept(certFile: string, keyFile: string): Promise<{ cert: string; key: string } | undefined> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    checkCertificate({ cert, key });
    const left = Date.parse(new X509Certificate(cert).validTo) - Date.now();
    return left < MIN_DAYS * DAY_MS ? undefined : { cert, key };
  } catch {
    // There is none, or none that can be used.
    return undefined;
  }
}

/** In the place of the old one as a whole: another hub may read it. */
async function write(file: string, text: string): Promise<void> {
  const next = `${file}.${process.pid}`;
  await writeFile(next, text, { mode: 0o600 });
  await rename(next, file);
}

async function make(): Promise<{ cert: string; key: string }> {
  // Loaded only here, because it is large.
  const { generate } = await import('selfsigned');
  const now = Date.now();
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'Tidings development' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    // Clocks may differ a little.
    notBeforeDate: new Date(now - DAY_MS),
    notAfterDate: new Date(now + DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...NAMES.map((value) => ({ type: 2 as const, value })),
          ...ADDRESSES.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { cert, key };
}
