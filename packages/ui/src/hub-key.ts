import { batch, computed, signal } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';

const STORED_AS = 'tidings-key';

const current: Signal<string> = signal('');
const ended: Signal<RefusedCredential | undefined> = signal(undefined);
let group = 'everyone';

/** What the hub took no more, or never. */
export interface RefusedCredential {
  readonly name: 'key' | 'token';
  /** Why, in the words of the hub. */
  readonly reason: string;
}

/** What was given last and the hub has refused. The page goes on as everyone. Undefined until then, and after another one was given. */
export const refusedCredential: ReadonlySignal<RefusedCredential | undefined> = ended;

/** The key to the hub, empty if none was asked for. It lives as long as the browser's tab does. */
export const hubKey: ReadonlySignal<string> = current;

/** What the page calls what it was given. */
export const credentialName: ReadonlySignal<'key' | 'token'> = computed(() =>
  isToken(current.value) ? 'token' : 'key',
);

/** Who may do or not do something, as the first words of a sentence. A page without a key may have a token in a cookie. */
export const sender: ReadonlySignal<string> = computed(() =>
  current.value === '' ? 'You' : `This ${credentialName.value}`,
);

/** Whether a key looks like a signed token (JWT): three parts, the first of which is the start of an object in base64url. */
export function isToken(key: string): boolean {
  return /^ey[\w-]*\.[\w-]+\.[\w-]+$/.test(key);
}

/** The tabs that may share a connection: those with the same key. */
export function keyGroup(): string {
  return group;
}

/** Goes on with the key that this tab had before it was loaded anew. */
export async function restoreKey(): Promise<void> {
  await useKey(sessionStorage.getItem(STORED_AS) ?? '');
}

/** Uses a key from now on; an empty one forgets it. */
export async function rememberKey(key: string): Promise<void> {
  store(key);
  await useKey(key);
}

/** Forgets a key that the hub has refused, and goes on without one. One that this page no longer uses is of no interest. */
export async function dropKey(key: string, reason: string): Promise<void> {
  if (key === '' || key !== current.peek()) return;
  store('');
  await useKey('', { name: isToken(key) ? 'token' : 'key', reason });
}

/** Says no more that a key was refused. */
export function dismissRefusal(): void {
  ended.value = undefined;
}

function store(key: string): void {
  if (key === '') sessionStorage.removeItem(STORED_AS);
  else sessionStorage.setItem(STORED_AS, key);
}

async function useKey(key: string, refusal?: RefusedCredential): Promise<void> {
  group = await groupOf(key);
  batch(() => {
    current.value = key;
    ended.value = refusal;
  });
}

/** A name that does not tell the key. Pages that did not come over HTTPS or from a loopback address have no digests, and share nothing. */
async function groupOf(key: string): Promise<string> {
  if (key === '' || crypto.subtle === undefined) return 'everyone';
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`tidings page ${key}`));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The headers that a request to the hub carries (PROTOCOL §9.2). */
export function authorization(): Record<string, string> {
  return current.peek() === '' ? {} : { Authorization: `Bearer ${current.peek()}` };
}
