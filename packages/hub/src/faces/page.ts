import { shown } from '@tidings/server/log';
import { HubError } from '../errors.ts';
import type { MakeFace } from './face.ts';

/** Keeps pages of other sites from showing this page in a frame, embedding it, holding its window or learning its address. */
const CLOSED = {
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

// A policy in the document cannot have this directive.
const FRAMES = "frame-ancestors 'none'";

/** The policy of a document that has none: it may run what is in it, and make requests to its own hub. */
const DEFAULT_POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";

const POLICY = /<meta\s+http-equiv="Content-Security-Policy"\s+content="([^"]+)"/i;

/**
 * A page at `/`. No other site can show it in a frame.
 * @param html the whole document. Its content security policy, in a `<meta http-equiv="Content-Security-Policy" content="…">`, is sent as a
 * header field, too. A document without one may run what is in it, load nothing, and make requests to its own hub only
 * @throws {HubError} `ERR_INVALID_OPTION`
 */
export function page(html: string): MakeFace {
  if (typeof html !== 'string') {
    throw new HubError('ERR_INVALID_OPTION', `The page is ${shown(html)}, but must be the text of an HTML document`);
  }
  const [, policy = DEFAULT_POLICY] = POLICY.exec(html) ?? [];
  const headers = {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-cache',
    'Content-Security-Policy': `${policy}; ${FRAMES}`,
    ...CLOSED,
  };
  return () => ({
    name: 'page',
    match: ({ pathname }) => (pathname === '/' ? ['GET'] : undefined),
    handle: () => ({ status: 200, headers, body: html }),
  });
}
