/**
 * The network of an address, by which senders are counted: of IPv4 the address itself, of IPv6 its /64, because one sender usually has all addresses of that. An address of
 * IPv4 in IPv6 (`::ffff:192.0.2.1`) is one of IPv4. However an address is written, as a proxy may do (RFC 4291, 2.2), it has one network. A text that is no address is
 * its own.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const groups = groupsOf(address);
  if (!groups) return address;
  const [one = 0, two = 0, three = 0, four = 0, five = 0, six = 0, high = 0, low = 0] = groups;
  if ((one | two | three | four | five) === 0 && six === 0xffff)
    return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

const GROUPS = 8;

/** The eight groups of an IPv6 address, without its zone; undefined if it is none. */
function groupsOf(address: string): readonly number[] | undefined {
  const [plain = ''] = address.split('%', 1);
  const [head = '', tail, ...others] = plain.split('::');
  const [first, last] = [groupsIn(head, tail === undefined), groupsIn(tail ?? '', true)];
  const missing = GROUPS - first.length - last.length;
  if (others.length > 0 || (tail === undefined ? missing !== 0 : missing < 1)) return undefined;
  const groups = [...first, ...Array.from({ length: missing }, () => 0), ...last];
  return groups.includes(Number.NaN) ? undefined : groups;
}

/**
 * The numbers of groups between colons; NaN for one that is none.
 * @param isEnd whether the last two groups may be written as an address of IPv4
 */
function groupsIn(text: string, isEnd: boolean): readonly number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group, index, { length }) => {
    if (/^[\da-f]{1,4}$/i.test(group)) return [Number.parseInt(group, 16)];
    const bytes = isEnd && index === length - 1 && /^\d{1,3}(?:\.\d{1,3}){3}$/.test(group) ? group.split('.') : [];
    const [a = Number.NaN, b = 0, c = 0, d = 0] = bytes.map((byte) => (Number(byte) < 256 ? Number(byte) : Number.NaN));
    return [a * 256 + b, c * 256 + d];
  });
}
