/** Whether the gate has said that this machine has not got the program, and so what needs it is not tested. */
export function isMissing(name: string): boolean {
  return (process.env['TIDINGS_MISSING'] ?? '').split(',').includes(name);
}
