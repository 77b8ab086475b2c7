/** The request headers that go on to another origin. Any other may hold a secret meant for the first one only. */
const PORTABLE = /^(?:accept(?:-encoding|-language)?|cache-control|content-type|last-event-id|pragma)$/;

/** What is left of the request headers, their names in lower case, when a redirect leads to another origin. */
export function portableHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => PORTABLE.test(name)));
}
