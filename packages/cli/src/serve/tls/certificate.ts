import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Certificate, checkCertificate } from '@tidings/hub';
import { unreadable } from '../../command-line/read-text.ts';
import { CliError } from '../../errors.ts';
import { devCertificate } from './dev-certificate.ts';
import type { TlsSettings } from './options.ts';

/** How often its files are looked at, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/** The certificate that a hub begins with. */
export interface FirstCertificate {
  readonly certificate: Certificate;
  /** The file of a development certificate; null for one that is in memory. */
  readonly dev?: string | null;
}

/** @throws {CliError} `ERR_USAGE`, `ERR_DATA` */
export async function firstCertificate(settings: TlsSettings): Promise<FirstCertificate> {
  if ('dev' in settings) {
    const { cert, key, file } = await devCertificate(settings.dev);
    return { certificate: { cert, key }, dev: file ?? null };
  }
  return { certificate: await read(settings) };
}

/**
 * Looks for changes of the certificate's files.
 *
 * @param used the certificate that was read before
 * @param renew called with each new certificate that can be used
 * @param failed called with why one cannot be used, once for each change
 * @returns a function that ends it
 */
export function watchCertificate(
  settings: TlsSettings,
  used: Certificate,
  renew: (certificate: Certificate) => void,
  failed: (message: string) => void,
): () => void {
  if ('dev' in settings) return () => {};
  let tried = `${String(used.cert)}\n${String(used.key)}`;
  let before = tried;
  const look = async (): Promise<void> => {
    const now = await contentOf(settings);
    // Whoever writes them writes one after the other, so they are taken when they have not changed for a while.
    const isStill = now === before;
    before = now;
    if (now === tried || !isStill) return;
    tried = now;
    try {
      renew(await read(settings));
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error));
    }
  };
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look().finally(() => (isLooking = false));
  }, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}

/** Until when it is valid, for people. */
export function validUntil({ cert }: Certificate): string {
  return new Date(new X509Certificate(cert).validTo).toISOString().slice(0, 10);
}

async function contentOf({ cert, key }: { readonly cert: string; readonly key: string }): Promise<string> {
  const texts = [cert, key].map((file) => readFile(file, 'utf8').catch(() => ''));
  return (await Promise.all(texts)).join('\n');
}

async function read({ cert, key }: { readonly cert: string; readonly key: string }): Promise<Certificate> {
  const certificate = { cert: await textOf('--tls-cert', cert), key: await textOf('--tls-key', key) };
  try {
    checkCertificate(certificate);
    return certificate;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    // As the person has given them.
    const named = why
      .replace('The option tls.cert', `--tls-cert ${JSON.stringify(cert)}`)
      .replace('The option tls.key', `--tls-key ${JSON.stringify(key)}`)
      .replace('in tls.cert', `in ${JSON.stringify(cert)}`);
    throw new CliError('ERR_USAGE', named, { cause: error });
  }
}

async function textOf(name: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(name, file, error);
  }
}
