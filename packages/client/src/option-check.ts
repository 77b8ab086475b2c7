import { InvalidOptionError } from './client-error.ts';

/** @throws InvalidOptionError unless the option is as it has to be */
export function check(isAllowed: unknown, name: string, allowed: string, found: unknown): void {
  if (!isAllowed) throw refusal(name, allowed, found);
}

export function refusal(name: string, allowed: string, found: unknown, cause?: unknown): InvalidOptionError {
  const shown = typeof found === 'string' ? JSON.stringify(found) : String(found);
  return new InvalidOptionError(`${name} has to be ${allowed}, found ${shown}`, cause ? { cause } : undefined);
}
