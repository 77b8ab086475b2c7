/** Data of 100 bytes with the time when it was made, which the sink reads. */
export function stamped(): string {
  return `@${process.hrtime.bigint()}~`.padStart(100, '.');
}
