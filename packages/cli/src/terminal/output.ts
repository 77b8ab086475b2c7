/** C0, DEL and C1 but no tab: what a terminal would obey. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const CONTROLS = /[\u0000-\u0008\u000A-\u001F\u007F-\u009F]/g;

/** How long the last lines of a command may wait for their reader, in milliseconds. A pipe whose reader stands still never takes them. */
const LAST_LINES_MS = 1_000;

let outlives = false;

/** Ends the process when the reader of standard output has closed it, as `head` does. Nobody needs to read standard error. */
export function watchOutput(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (outlives) return;
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** Lets the process go on when nobody reads its output any more: its terminal was closed, or the program that collects it was restarted. */
export function outliveOutput(): void {
  outlives = true;
}

/** Ends the process in time although nobody reads its output: a command that was asked to end has nothing more to wait for. */
export function leaveOutput(): void {
  setTimeout(() => process.exit(), LAST_LINES_MS).unref();
}

/** Prints a line for the person at the terminal on standard error. Standard output is for what programs read. */
export function notice(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Resolves when standard output has taken the text, so that a slow reader slows its writer down. */
export async function print(text: string): Promise<void> {
  if (text === '' || process.stdout.write(text)) return;
  await new Promise((resolve) => {
    process.stdout.once('drain', resolve);
  });
}

/** Whether standard output shows ANSI colours. */
export function hasColours(): boolean {
  const { NO_COLOR: noColour = '', TERM: terminal } = process.env;
  return process.stdout.isTTY && noColour === '' && terminal !== 'dumb';
}

/** Replaces control characters by visible symbols, because text from elsewhere must not control the terminal. */
export function visible(text: string): string {
  return text.replace(CONTROLS, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? '\u2421' : '\uFFFD';
  });
}
