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
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError('ERR_USAGE', `${label} is ${JSON.stringify(file)}, which cannot be read: ${why}`, {
      cause: error,
    });
  }
}
