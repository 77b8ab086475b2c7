import { createInterface } from 'node:readline';

/** The streams of a terminal, on which a person is asked. */
export interface Asked {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** Asks a person, who says yes with `y` or `yes`. Any other answer is a no, and so are Ctrl-C and Ctrl-D. */
export async function confirm(question: string, { input, output }: Asked): Promise<boolean> {
  const lines = createInterface({ input, output });
  try {
    const answer = await new Promise<string>((resolve) => {
      lines.once('close', () => resolve(''));
      lines.question(`${question} [y/N] `, resolve);
    });
    return /^\s*y(es)?\s*$/i.test(answer);
  } finally {
    lines.close();
  }
}
