/** Whether the gate has said that this machine has not got the program, and so what needs it is not tested. */
export function isMissing(name: string): boolean {
  return (process.env['TIDINGS_MISSING'] ?? '').split(',').includes(name);
}

/**
 * Skips a test of what this machine cannot do, for a reason. A CI must test everything.
 * @param obstacle why it cannot; undefined if it can
 * @param skip of the test's context
 */
export function needed(obstacle: string | undefined, skip: (reason: string) => void): void {
  if (obstacle === undefined) return;
  if (process.env['CI'] === 'true') throw new Error(`A CI must be able to test this, but here ${obstacle}`);
  skip(obstacle);
}
