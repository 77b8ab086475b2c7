import { readObject } from './read-object.ts';

/** What somebody may do on at least one topic. */
export interface Permissions {
  readonly listen: boolean;
  readonly publish: boolean;
}

/** What the hub lets everyone do, without a key and without a cookie (PROTOCOL §8.6); undefined if it does not answer. Never throws. */
export async function fetchPermissions(base: string): Promise<Permissions | undefined> {
  try {
    const response = await fetch(new URL('healthz', base), { credentials: 'omit' });
    const { may } = readObject(await response.text());
    if (!Array.isArray(may)) return undefined;
    return { listen: may.includes('listen'), publish: may.includes('publish') };
  } catch {
    return undefined;
  }
}
