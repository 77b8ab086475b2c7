import type { Command } from 'commander';
import { FILE, option } from '../../command-line/option.ts';
import { CliError } from '../../errors.ts';

/** What the command line says of TLS. */
export interface TlsOptions {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsDev?: true;
}

/** Where the certificate of the hub is. */
export type TlsSettings =
  | { readonly cert: string; readonly key: string }
  /** A development certificate, kept in a folder; undefined if nothing is written. */
  | { readonly dev: string | undefined };

export function addTlsOptions(command: Command): Command {
  return command
    .addOption(
      option(
        '--tls-cert <file>',
        'certificate in PEM, with those that lead to its root: the hub speaks HTTP/1.1 and HTTP/2 over TLS. It is read again when the file changes',
        FILE,
      ),
    )
    .addOption(option('--tls-key <file>', 'private key of --tls-cert, in PEM, without a passphrase', FILE))
    .option(
      '--tls-dev',
      'TLS with a certificate of its own for localhost, 127.0.0.1 and ::1, which is kept in the data folder: for development only',
    );
}

/** @param data the folder of the events; undefined for memory @throws {CliError} `ERR_USAGE` */
export function tlsSettings(
  { tlsCert, tlsKey, tlsDev }: TlsOptions,
  data: string | undefined,
): TlsSettings | undefined {
  if (tlsDev === true) {
    const other = tlsCert === undefined ? tlsKey && '--tls-key' : '--tls-cert';
    if (other === undefined) return { dev: data };
    throw new CliError(
      'ERR_USAGE',
      `--tls-dev cannot be used with ${other}, because it makes a certificate of its own`,
    );
  }
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsKey === undefined) throw new CliError('ERR_USAGE', '--tls-cert needs the key of the certificate: --tls-key');
  if (tlsCert === undefined) throw new CliError('ERR_USAGE', '--tls-key needs the certificate of the key: --tls-cert');
  return { cert: tlsCert, key: tlsKey };
}
