import { execFileSync } from 'node:child_process';

/** A key and a certificate for 127.0.0.1, signed by itself, PEM. */
export function makeCertificate(): { key: string; cert: string } {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const pem = execFileSync(
    'openssl',
    ['req', '-x509', ...curve, '-subj', '/CN=127.0.0.1', '-days', '2', '-keyout', '-', '-out', '-'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const end = pem.indexOf('-----BEGIN CERTIFICATE-----');
  return { key: pem.slice(0, end), cert: pem.slice(end) };
}
