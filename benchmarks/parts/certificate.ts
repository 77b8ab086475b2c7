import { execFileSync } from 'node:child_process';

/** A certificate for 127.0.0.1 and its key, PEM, made by openssl. */
export function makeCertificate(): { readonly cert: string; readonly key: string } {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const args = ['req', '-x509', ...curve, '-subj', '/CN=127.0.0.1', '-days', '2', '-keyout', '-', '-out', '-'];
  const pem = execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const end = pem.indexOf('-----BEGIN CERTIFICATE-----');
  return { key: pem.slice(0, end), cert: pem.slice(end) };
}
