/** Methods whose request changes nothing more when it is sent again (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY']);

/** Whether a request by this method, in capitals, may be sent again unasked. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
