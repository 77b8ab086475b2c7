/**
 * Remembers the ids of the newest events, to tell one that comes again.
 * @param limit - how many are remembered; 0 remembers none
 * @returns remembers an id, as the newest, and tells whether it was remembered already
 */
export function rememberIds(limit: number): (id: string) => boolean {
  const ids = new Set<string>();
  return (id) => {
    if (!limit || !id) return false;
    const isKnown = ids.delete(id);
    ids.add(id);
    const [oldest = id] = ids;
    if (ids.size > limit) ids.delete(oldest);
    return isKnown;
  };
}
