/** The text of whatever a producer has thrown. It does not throw. */
export function failureText(error: unknown): string {
  try {
    return error instanceof Error && typeof error.message === 'string' ? error.message : String(error);
  } catch {
    // Not everything can be made a text.
    return 'The producer has thrown what has no text';
  }
}
