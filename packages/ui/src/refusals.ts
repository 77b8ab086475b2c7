// What the key or token of this page does not allow, as far as the hub has said so.
import { signal } from '@preact/signals';
import type { Signal } from '@preact/signals';
import { hubKey } from './hub-key.ts';
import type { Permissions } from './permissions.ts';

/** What a sender may do with a topic. Who may publish to it may close it, and who may manage it may delete it (PROTOCOL §9, §12). */
export type Right = 'publish' | 'manage';

const refused: Signal<ReadonlySet<string>> = signal(new Set());
const allowed: Signal<Permissions | undefined> = signal(undefined);

/** Notes what a key allows on at least one topic. An answer to a key that this page no longer uses says nothing. */
export function notePermissions(permissions: Permissions | undefined, key: string): void {
  if (key === hubKey.peek()) allowed.value = permissions;
}

/** Whether the key or token of this page surely allows something on no topic. Without one the page asks for one when it is needed. */
export function isNowhereAllowed(right: Right): boolean {
  return hubKey.value !== '' && allowed.value?.[right] === false;
}

/** Notes that the hub has said that a right is missing. An answer to a key that this page no longer uses says nothing. */
export function noteRefusal(right: Right, topic: string, key: string): void {
  if (key === hubKey.peek()) refused.value = new Set([...refused.peek(), `${right} ${topic}`]);
}

/** Whether the hub has said that a right is missing. */
export function isRefused(right: Right, topic: string): boolean {
  return isNowhereAllowed(right) || refused.value.has(`${right} ${topic}`);
}

/** Another key may have other rights. */
export function forgetRefusals(): void {
  refused.value = new Set();
  allowed.value = undefined;
}
