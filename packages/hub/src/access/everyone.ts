import type { Rights } from '@tidings/server';

/** The rights that a credential gave by itself, by those that its sender has with what everyone may do. */
const given = new WeakMap<Rights, Rights>();

/** What everyone may do, as far as rights do not allow it already. */
export function addedBy(everyone: Rights, rights: Rights): Pick<Rights, 'listen' | 'publish'> {
  return {
    ...(everyone.listen === 'all' && rights.listen !== 'all' ? { listen: 'all' } : {}),
    ...(everyone.publish === 'all' && rights.publish !== 'all' ? { publish: 'all' } : {}),
  };
}

/**
 * Rights with what everyone may do beside them (PROTOCOL §15.1): who shows a token may do no less than who shows nothing. Private events, the name of
 * the sender, its limits and the end of its rights stay those of the token.
 */
export function withEveryone(rights: Rights, everyone: Rights): Rights {
  const added = addedBy(everyone, rights);
  if (Object.keys(added).length === 0) return rights;
  const all = { ...rights, ...added };
  given.set(all, rights);
  return all;
}

/** The rights that a credential gave by itself, without what everyone may do. */
export function ownRights(rights: Rights): Rights {
  return given.get(rights) ?? rights;
}
