// What the hub has refused for good to the key or token of this page.
import { signal } from '@preact/signals';
import type { Signal } from '@preact/signals';
import { hubKey } from './hub-key.ts';

/** What a sender may do with a topic. Who may publish to it may close it, and who may manage it may delete it (PROTOCOL §9, §12). */
export type Right = 'publish' | 'manage';

const refused: Signal<ReadonlySet<string>> = signal(new Set());

/** Notes that the hub has said that a right is missing. An answer to a key that this page no longer uses says nothing. */
export function noteRefusal(right: Right, topic: string, key: string): void {
  if (key === hubKey.peek()) refused.value = new Set([...refused.peek(), `${right} ${topic}`]);
}

/** Whether the hub has said that a right is missing. */
export function isRefused(right: Right, topic: string): boolean {
  return refused.value.has(`${right} ${topic}`);
}

/** Another key may have other rights. */
export function forgetRefusals(): void {
  refused.value = new Set();
}
