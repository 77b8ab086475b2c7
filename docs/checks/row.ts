import type { Client } from './client.ts';

/** One row of the comparison: something that a client does or does not. */
export interface Row {
  readonly title: string;
  /** What is found: `yes`, `no`, or in a few words what happens. `undefined` where it makes no sense for this client. */
  readonly check: (client: Client) => Promise<string | undefined>;
}

export function verdict(isSo: boolean): string {
  return isSo ? 'yes' : 'no';
}
