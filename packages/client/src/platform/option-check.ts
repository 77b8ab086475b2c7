import { InvalidOptionError } from '../client-error.ts';

/** @throws InvalidOptionError unless the option is as it has to be */
export function check(isAllowed: unknown, name: string, allowed: string, found: unknown): void {
  if (!isAllowed) throw refusal(name, allowed, found);
}

/** What reading an option gives. @throws InvalidOptionError where it throws */
export function readWith<T>(read: () => T, name: string, allowed: string, found: unknown): T {
  try {
    return read();
  } catch (cause) {
    throw refusal(name, allowed, found, { cause });
  }
}

function refusal(
  name: string,
  allowed: string,
  found: unknown,
  reason?: { readonly cause: unknown },
): InvalidOptionError {
  const shown = typeof found === 'string' ? JSON.stringify(found) : String(found);
  return new InvalidOptionError({
    code: 'ERR_INVALID_OPTION',
    message: `${name} has to be ${allowed}, found ${shown}`,
    ...reason,
  });
}

export function isFunction(value: unknown): value is (...parameters: never[]) => unknown {
  return typeof value === 'function';
}
