import { readObject } from './read-object.ts';

/** What somebody may do on at least one topic. */
export interface Permissions {
  readonly listen: boolean;
  readonly publish: boolean;
  /** Whether it may delete topics. */
  readonly manage: boolean;
}

/** What the hub lets everyone do, without a key and without a cookie (PROTOCOL §8.6); undefined if it does not answer. Never throws. */
export function everyonesPermissions(base: string): Promise<Permissions | undefined> {
  return fetchPermissions(base, { credentials: 'omit' });
}

/** What the hub lets the sender of these headers do; undefined if it does not answer, or does not take them. Never throws. */
export function sendersPermissions(base: string, headers: Record<string, string>): Promise<Permissions | undefined> {
  return fetchPermissions(base, { headers });
}

async function fetchPermissions(base: string, init: RequestInit): Promise<Permissions | undefined> {
  try {
    const response = await fetch(new URL('healthz', base), init);
    const { may } = readObject(await response.text());
    if (!Array.isArray(may)) return undefined;
    return { listen: may.includes('listen'), publish: may.includes('publish'), manage: may.includes('manage') };
  } catch {
    return undefined;
  }
}
