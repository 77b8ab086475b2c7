const NAMES: Readonly<Record<string, string>> = { h2: 'HTTP/2', 'http/1.1': 'HTTP/1.1' };

/** Over which version of HTTP the page came. */
export function navigationProtocol(): string {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  const name = navigation?.nextHopProtocol ?? '';
  return NAMES[name] ?? (name || 'HTTP');
}
