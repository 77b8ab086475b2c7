import { CliError } from '../errors.ts';
import type { HubAddress } from './hub-address.ts';

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was lost',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host name cannot be looked up',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ERR_CONNECT_TIMEOUT: 'it does not answer',
  EPIPE: 'the connection was lost',
  EPROTO: 'it does not speak TLS there, so its URL may have to begin with http://',
  UND_ERR_SOCKET: 'the connection was lost',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'it does not answer',
};

/** Why a certificate is not taken that a program of Node may be told to trust. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it has issued itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'who issued it is not known',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'who issued it is not known',
  UNABLE_TO_GET_ISSUER_CERT: 'who issued it is not known',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'who issued it is not known',
};

const UNFIT: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another host',
};

/** The error for a hub that cannot be reached. `attempt` completes the sentence "cannot …". */
export function unreachable(attempt: string, { url }: HubAddress, reason: string, cause?: unknown): CliError {
  const message = `cannot ${attempt} the hub at ${url.href} ${certificateFault(cause) ?? `(${reason}): is it running? "tidings serve" starts one`}`;
  return new CliError('ERR_UNREACHABLE', message, { cause });
}

/** What is wrong with the certificate of the hub, and does not get better by waiting; undefined if nothing is. */
export function certificateFault(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = innerError(current)) {
    const code = 'code' in current ? String(current.code) : '';
    const [untrusted, unfit] = [UNTRUSTED[code], UNFIT[code]];
    if (untrusted !== undefined) {
      return `(its certificate is not trusted: ${untrusted}): name the file of the certificate, or of who issued it, in the environment variable NODE_EXTRA_CA_CERTS`;
    }
    if (unfit !== undefined) return `(its certificate cannot be used: ${unfit})`;
  }
  return undefined;
}

/** Says why a request failed. The system's reason is often the cause of the cause. */
export function describeFailure(error: unknown): string {
  let innermost = error;
  for (let current = error; current instanceof Error; current = innerError(current)) {
    innermost = current;
    const code = 'code' in current ? String(current.code) : '';
    const reason = REASONS[code];
    if (reason !== undefined) return reason;
    if (current.name === 'TimeoutError') return 'it does not answer';
  }
  return innermost instanceof Error ? innermost.message : String(innermost);
}

/** An AggregateError stands for attempts at several addresses of one name. The first of them is as good as any. */
function innerError(error: Error): unknown {
  return error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
}
