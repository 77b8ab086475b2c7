import { chmodSync, lstatSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { ServerError, shown } from '../../errors.ts';

/** The modes by which others than the owner could reach what is in a folder. */
const OTHERS = 0o077;

// What systems take. What is longer would be cut off, and be another path.
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/**
 * Listens on a Unix socket that no other user can open. A socket that a process has left behind is replaced.
 * @throws {ServerError} (as a rejection) `ERR_INVALID_OPTION` if the folder is not closed to others, something else than a socket is at the path, or it cannot be used
 */
export async function listenOnPath(path: string, onSocket: (socket: Socket) => void): Promise<Server> {
  if (typeof path !== 'string' || path === '') throw refused(`The path of the socket is ${shown(path)}`);
  if (process.platform !== 'win32') checkPath(path);
  if (!(await isServed(path))) rmSync(path, { force: true });
  const server = createServer(onSocket);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new ServerError('ERR_INVALID_OPTION', `Cannot listen on ${path}: ${cause.message}`, { cause })),
    );
    server.listen(path, resolve);
  });
  if (process.platform !== 'win32') chmodSync(path, 0o600);
  return server;
}

/** Whether a process listens there. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_PATH_BYTES)
    throw refused(`The path ${path} has ${bytes} bytes, and a socket takes ${MAX_PATH_BYTES}`);
  checkFolder(dirname(path));
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found && !found.isSocket()) throw refused(`There is something else than a socket at ${path}`);
}

/** @throws {ServerError} `ERR_INVALID_OPTION` */
function checkFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (!found?.isDirectory()) throw refused(`There is no folder ${folder}`);
  if (found.uid === process.getuid?.() && (found.mode & OTHERS) === 0) return;
  const mode = (found.mode & 0o777).toString(8);
  throw refused(`The folder ${folder} has the mode ${mode}, so others than its owner could use the log through it`);
}

function refused(what: string): ServerError {
  return new ServerError(
    'ERR_INVALID_OPTION',
    `${what}; a socket needs a path in a folder of this user with the mode 700`,
  );
}
