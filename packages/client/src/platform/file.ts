import { InvalidOptionError, messageOf } from '../errors.ts';

/** @throws InvalidOptionError unless it may be the path of a file */
export function checkPath(path: unknown): void {
  if (path && typeof path === 'string') return;
  const found = path === '' ? '""' : Object(path) === path ? {}.toString.call(path) : String(path);
  const message = `path has to be the path of a file, found ${found}`;
  throw new InvalidOptionError({ code: 'ERR_INVALID_OPTION', message });
}

/** Does something with a file. Many errors of the system do not say which file they are about, and those that come out of this do. */
export async function namingFile<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const message = messageOf(cause);
    if (message.includes(path)) throw cause;
    const code = cause instanceof Error && 'code' in cause ? { code: cause.code } : {};
    throw Object.assign(new Error(`${path}: ${message}`, { cause }), code);
  }
}
