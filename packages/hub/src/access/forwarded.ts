import { isIP } from 'node:net';
import type { RequestHead } from '@tidings/server/live';

/** What a proxy says about a request that it passes on. A member is undefined if the proxy does not give it. */
export interface Hop {
  /** The address from which the request came to the proxy; undefined if the proxy does not tell it. */
  readonly address: string | undefined;
  /** What stands in the place of the address and is none; undefined if nothing does. */
  readonly wrong?: string | undefined;
  /** `http` or `https`, unchecked. */
  readonly proto: string | undefined;
  /** The host in the request that the proxy got, unchecked. */
  readonly host: string | undefined;
}

type Head = Pick<RequestHead, 'header'>;

/** The elements of `Forwarded` (RFC 7239, 4), the farthest proxy's first. Undefined if they break its grammar. */
export function readForwarded(head: Head): readonly Hop[] | undefined {
  const value = head.header('forwarded');
  if (value === undefined) return [];
  const hops: Hop[] = [];
  for (const element of split(value, ',')) {
    const pairs = new Map<string, string>();
    for (const pair of split(element, ';')) {
      const [, name, token, quoted] = PAIR.exec(pair) ?? [];
      if (name === undefined || pairs.has(name.toLowerCase())) return undefined;
      pairs.set(name.toLowerCase(), token ?? (quoted ?? '').replaceAll(/\\(.)/g, '$1'));
    }
    hops.push({ ...senderOf(pairs.get('for')), proto: pairs.get('proto'), host: pairs.get('host') });
  }
  return hops;
}

const PAIR = /^\s*([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)")\s*$/;

/** `X-Forwarded-For`, `-Proto` and `-Host`. In the last two, the value of the nearest proxy is at the end. */
export function readXForwarded(head: Head): readonly Hop[] {
  const list = (name: string): string[] =>
    head
      .header(name)
      ?.split(',')
      .map((each) => each.trim()) ?? [];
  const proto = list('x-forwarded-proto').at(-1);
  const host = list('x-forwarded-host').at(-1);
  // An element without anything is no mistake (RFC 9110, 5.6.1.2), and tells no address.
  const senders = list('x-forwarded-for').map((text) => senderOf(text === '' ? undefined : text));
  const last = { ...(senders.at(-1) ?? { address: undefined }), proto, host };
  return [...senders.slice(0, -1).map((sender) => ({ ...sender, proto: undefined, host: undefined })), last];
}

/**
 * A sender that is no address: `unknown`, a name that hides it (RFC 7239, 6.2 and 6.3), or `unix:`, which nginx writes of a connection without an address.
 */
const HIDDEN = /^(?:unknown|_[\w.-]+)(?::(?:\d{1,5}|_[\w.-]+))?$|^unix:$/i;

function senderOf(text: string | undefined): Pick<Hop, 'address' | 'wrong'> {
  if (text === undefined || HIDDEN.test(text)) return { address: undefined };
  const address = addressOf(text);
  return address === undefined ? { address, wrong: text } : { address };
}

/** An IP address, which may have a port, and brackets if it is an IPv6 address. */
function addressOf(text: string): string | undefined {
  const [, bracketed, plain] =
    /^(?:\[([^\]]*)\](?::(?:\d{1,5}|_[\w.-]+))?|(.*?)(?::(?:\d{1,5}|_[\w.-]+))?)$/.exec(text) ?? [];
  for (const address of [text, bracketed, plain]) {
    if (address !== undefined && isIP(address) !== 0) return address;
  }
  return undefined;
}

/** The parts between the separators that are not in quotes. */
function split(text: string, separator: ',' | ';'): string[] {
  const parts: string[] = [];
  let part = '';
  let isQuoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (character === '"') isQuoted = !isQuoted;
    if (character === separator && !isQuoted) {
      parts.push(part);
      part = '';
    } else if (character === '\\' && isQuoted) {
      part += text.slice(index, index + 2);
      index += 1;
    } else part += character;
  }
  return [...parts, part];
}
