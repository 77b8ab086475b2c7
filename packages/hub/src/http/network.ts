/**
 * The network of an address, by which senders are counted: of IPv4 the address itself, of IPv6 its /64, because one sender usually has all addresses of that. An address of
 * IPv4 in IPv6 (`::ffff:192.0.2.1`) is one of IPv4.
 * @param address as Node writes it
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [plain = address] = address.split('%', 1);
  const mapped = /^::ffff:([\d.]+)$/i.exec(plain);
  if (mapped) return mapped[1] ?? plain;
  const [head = '', tail] = plain.split('::', 2);
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  // The last two groups may be written as an address of IPv4.
  const missing = tail === undefined ? 0 : 8 - first.length - last.length - (plain.includes('.') ? 1 : 0);
  const groups = [...first, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...last];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
