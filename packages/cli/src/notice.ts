/** Tells the person at the terminal something. Standard output is for what programs read. */
export function notice(text: string): void {
  process.stderr.write(`${text}\n`);
}
