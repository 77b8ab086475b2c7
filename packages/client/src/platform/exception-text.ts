/** What an exception says. */
export function describeException(exception: unknown): string {
  return String((exception as { message?: unknown } | null | undefined)?.message || exception);
}
