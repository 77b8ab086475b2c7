import { readFileSync } from 'node:fs';
import { CliError } from '../errors.ts';

/**
 * Reads a file that an option names.
 *
 * @param label how an error names what has its path
 * @throws {CliError} `ERR_USAGE`
 */
export function readText(label: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(label, file, error);
  }
}

// A secret that was made for the purpose has at least so many characters (PROTOCOL §15.2).
const SECRET_LENGTH = 32;

/** Says why a file cannot be read that an option names. A text that is no path may be the key itself, so an error tells only how long it is. */
export function unreadable(label: string, file: string, cause: unknown): CliError {
  if (isPath(file)) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new CliError('ERR_USAGE', `${label} is ${JSON.stringify(file)}, which cannot be read: ${why}`, { cause });
  }
  // Without the cause, whose message has the text.
  return new CliError(
    'ERR_USAGE',
    `${label} is a text of ${file.length} characters that is not the path of a file, but must be one: write what it should have into a file`,
  );
}

function isPath(file: string): boolean {
  if (/[\r\n]|-----BEGIN|^\s*\{/.test(file)) return false;
  return file.length < SECRET_LENGTH || /[./\\]/.test(file);
}
