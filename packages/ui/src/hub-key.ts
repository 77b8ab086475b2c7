import { signal } from '@preact/signals';
import type { Signal } from '@preact/signals';

const STORED_AS = 'tidings-key';

/** The key of the hub, empty if none was needed. It is kept as long as the browser's tab. */
export const hubKey: Signal<string> = signal(sessionStorage.getItem(STORED_AS) ?? '');

/** Uses a key from now on; an empty one forgets it. */
export function rememberKey(key: string): void {
  if (key === '') sessionStorage.removeItem(STORED_AS);
  else sessionStorage.setItem(STORED_AS, key);
  hubKey.value = key;
}

/** The headers that a request to the hub carries (PROTOCOL §9.2). */
export function authorization(): Record<string, string> {
  return hubKey.peek() === '' ? {} : { Authorization: `Bearer ${hubKey.peek()}` };
}
