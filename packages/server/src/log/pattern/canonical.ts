import type { Dialect } from './syntax.ts';

/**
 * Text of a pattern as URLs have it: encoded, in lower case where case makes no difference, without `.` and `..` in its path
 * [URLPattern, "encoding callbacks"]. Text that implementations of the standard read differently is refused.
 * @throws {SyntaxError} where that component of a URL cannot have the text
 */
export function canonical(text: string, dialect: Dialect): string {
  if (text === '') return '';
  const encoded = encode(text, dialect);
  if (encoded !== undefined) return encoded;
  const allowed = ALLOWED[dialect.variant ?? dialect.component];
  throw new SyntaxError(`it has the text ${JSON.stringify(text)} in its ${dialect.component}, where ${allowed}`);
}

const ALLOWED: Readonly<Record<Dialect['component'] | 'ipv6' | 'opaque', string>> = {
  protocol: 'letters, digits, "+", "-" and "." are allowed, after a first letter',
  username: 'any text is allowed',
  password: 'any text is allowed',
  hostname: 'only characters of a domain name or an address are allowed, without percent-encoding',
  ipv6: 'an address of IPv6 can have hexadecimal digits, ":", "[" and "]"',
  port: 'a number from 0 to 65535 is allowed',
  pathname: 'no backslash is allowed, nor more ".." than folders before them',
  opaque: 'in a path without folders, no spaces, "#<>?\\^`{}", "//" at the start and dots between slashes are allowed',
  search: 'a single quote has to be written %27',
  hash: 'any text is allowed',
};

// Text that a path, search or hash of any URL has as it is. No segment begins with a dot, so none is "." or "..".
const PLAIN = /^\/?[\w~!$&+,;=:@-][\w~!$&+,;=:@.-]*(?:\/[\w~!$&+,;=:@-][\w~!$&+,;=:@.-]*)*\/?$/;

// One URL for each component that it encodes: to make a URL costs more than to change one, and a URL without other text is changed fastest.
const scratch = {
  username: new URL('fake://host'),
  password: new URL('fake://host'),
  pathname: new URL('fake://host'),
  search: new URL('fake://host'),
  hash: new URL('fake://host'),
};

function encode(text: string, { component, variant }: Dialect): string | undefined {
  const isPlain = variant === undefined && (component === 'pathname' || component === 'search' || component === 'hash');
  if (isPlain && PLAIN.test(text)) return text;
  switch (component) {
    case 'protocol':
      return /^[a-z][a-z\d+.-]*$/i.test(text) ? text.toLowerCase() : undefined;
    case 'username':
      return changed('username', text);
    case 'password':
      return changed('password', text);
    case 'hostname':
      if (variant !== 'ipv6') return hostname(text);
      return /^[\da-f[\]:]+$/i.test(text) ? text.toLowerCase() : undefined;
    case 'port':
      return /^\d+$/.test(text) && Number(text) <= 65_535 ? String(Number(text)) : undefined;
    case 'pathname':
      return variant === 'opaque' ? opaquePath(text) : pathname(text);
    case 'search':
      // URLs of the web encode single quotes and others do not
      if (text.includes("'")) return undefined;
      return changed('search', `?${text}`).slice(1);
    case 'hash':
      return changed('hash', `#${text}`).slice(1);
  }
}

function hostname(text: string): string | undefined {
  if (/[\s"#%/:<>?@[\\\]^`{|}]/.test(text)) return undefined;
  // A last label that is a number makes the whole an address of IPv4, which has a form of its own
  const address = /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/.test(text);
  if (/^[a-z\d.-]+$/.test(text) && !address) return text;
  try {
    return new URL(`https://${text}`).hostname;
  } catch {
    return undefined;
  }
}

/** The component of a URL that was given this text. */
function changed(component: keyof typeof scratch, text: string): string {
  const url = scratch[component];
  url[component] = text;
  return url[component];
}

function pathname(text: string): string | undefined {
  // A backslash is a slash in URLs of the web, and a backslash in others
  if (text.includes('\\')) return undefined;
  if (text.startsWith('/')) return changed('pathname', text);
  // The text is a piece from within a path: nothing may be put before it, and a dot at its start may end a name
  const path = changed('pathname', `/-${text}`);
  return path.length < 2 ? undefined : path.slice(2);
}

/** The path is one without folders, as that of `urn:a:b`, or one with folders below a scheme that is not of the web. */
function opaquePath(text: string): string | undefined {
  if (/[\s"#<>?\\^`{}]/.test(text)) return undefined;
  if (/^\/\/|^\/(?:.*\/)?(?:\.|%2e){1,2}(?:\/|$)/i.test(text)) return undefined;
  return new URL(`fake:${text}`).pathname;
}
