/** What an exception says, and what the one behind it says: a platform's fetch hides the reason there. */
export function describeException(exception: unknown): string {
  const cause = exception instanceof Error ? exception.cause : undefined;
  return cause instanceof Error ? `${textOf(exception)} (${textOf(cause)})` : textOf(exception);
}

/** Node's error for several addresses that all refused has a code and no message. */
function textOf(exception: unknown): string {
  if (!(exception instanceof Error)) return String(exception);
  return exception.message || ('code' in exception ? String(exception.code) : exception.name);
}
