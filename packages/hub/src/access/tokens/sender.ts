/** The sender of a request with a key of the hub. All keys are one sender, so that one can be replaced by another. */
export const KEY_SENDER = 'key';

/** The sender of a request to a hub that needs no key. */
export const LOCAL_SENDER = 'local';

/** What of a token says whose it is. */
interface Named {
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  /** Its claim `jti`. */
  readonly id: string | undefined;
}

// Of the hub's own names, these stand for tokens without a subject.
const TOKEN = 'token ';
const NAMELESS = 'a token without a subject';

const SUB = 'sub ';

/**
 * Names the sender of a token (PROTOCOL §15.5). It is the name by which everything of the sender is kept and counted, so no two senders have the same: neither those of two
 * tokens nor those of a token and a key.
 * @param isOneOfSeveral whether there are several issuers: a subject is only one of its issuer, and two issuers may have the same. Their names have neither `#` nor white space
 */
export function senderOf({ issuer = '', subject, id }: Named, isOneOfSeveral: boolean): string {
  const nameless = id === undefined ? NAMELESS : TOKEN + id;
  if (isOneOfSeveral) return subject === undefined ? `${nameless} of ${issuer}` : `${issuer}#${subject}`;
  if (subject === undefined) return nameless;
  return isTaken(subject) ? SUB + subject : subject;
}

/** The subject of the token whose sender has this name, if the name was made from it, else the name itself. */
export function subjectOf(sender: string): string {
  const subject = sender.startsWith(SUB) ? sender.slice(SUB.length) : sender;
  return isTaken(subject) ? subject : sender;
}

/** Whether a sender of a hub with several issuers may have this name: that of a token of any other issuer holds nowhere. */
export function isSenderOf(issuers: readonly string[], name: string): boolean {
  const isNameless = name.startsWith(TOKEN) || name.startsWith(NAMELESS);
  return issuers.some((issuer) => name.startsWith(`${issuer}#`) || (isNameless && name.endsWith(` of ${issuer}`)));
}

/** Whether a subject would be taken for the name of another sender, if it were one. */
function isTaken(subject: string): boolean {
  const isOfHub = subject === KEY_SENDER || subject === LOCAL_SENDER || subject === NAMELESS;
  return isOfHub || subject.startsWith(TOKEN) || subject.startsWith(SUB);
}
