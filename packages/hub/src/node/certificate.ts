import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { shown } from '@tidings/server/log';
import { checkNames, HubError } from '../errors.ts';
import type { Certificate } from './options.ts';

const NAMES: Readonly<Record<keyof Certificate, true>> = { cert: true, key: true };

/**
 * Checks that a server can use a certificate, and that the key is that of it.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function checkCertificate(certificate: Certificate): void {
  secureContextOf(certificate);
}

/**
 * Checks a certificate, and that the key is that of it. No message has anything of the key in it.
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function secureContextOf(given: Certificate | (() => Certificate)): SecureContextOptions {
  const certificate = typeof given === 'function' ? given() : given;
  checkNames('tls.', certificate, NAMES);
  const cert = pemOf('cert', certificate.cert);
  const key = pemOf('key', certificate.key);
  const parsed = attempt('cert', 'a certificate in PEM', () => new X509Certificate(cert));
  const secret = attempt('key', 'a private key in PEM, without a passphrase', () => createPrivateKey(key));
  if (!parsed.checkPrivateKey(secret)) {
    throw new HubError('ERR_INVALID_OPTION', 'The option tls.key is not the key of the certificate in tls.cert');
  }
  const options: SecureContextOptions = {
    cert,
    key,
    minVersion: 'TLSv1.2',
    // A client could have the hub compute for as long as it likes.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
  // What the system does not take, such as a key that is too short.
  attempt('cert', 'a certificate that TLS can use', () => createSecureContext(options));
  return options;
}

function pemOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  // Not what it is: it may be a key.
  const found =
    value === undefined || value === null || typeof value === 'boolean' ? shown(value) : `a ${typeof value}`;
  throw new HubError(
    'ERR_INVALID_OPTION',
    `The option tls.${name} is ${found}, but must be a text in PEM, or its bytes`,
  );
}

function attempt<T>(name: string, allowed: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new HubError('ERR_INVALID_OPTION', `The option tls.${name} is not ${allowed}${code}`);
  }
}
