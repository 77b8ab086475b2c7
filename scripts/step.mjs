import { Interruption } from './command.mjs';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

/**
 * Does a piece of work that takes time and says so on standard error: standard output belongs to what is being started.
 *
 * @template T
 * @param {string} title what is being done, "Building the packages"
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const { stderr } = process;
  const start = Date.now();
  let frame = 0;
  const draw = () => {
    frame = (frame + 1) % FRAMES.length;
    stderr.write(`\r${FRAMES[frame]} ${title}, ${elapsed(start)}`);
  };
  if (!stderr.isTTY) stderr.write(`${title} …\n`);
  const timer = stderr.isTTY ? setInterval(draw, FRAME_MS) : undefined;
  const end = (/** @type {string} */ outcome) => {
    clearInterval(timer);
    stderr.write(`${stderr.isTTY ? '\r\u001B[K' : ''}${title}: ${outcome} ${elapsed(start)}\n`);
  };
  try {
    const result = await work();
    end('done in');
    return result;
  } catch (error) {
    end(error instanceof Interruption ? 'interrupted after' : 'failed after');
    throw error;
  }
}

/**
 * @param {number} start milliseconds since the epoch
 * @returns {string} "12.3 s"
 */
export function elapsed(start) {
  return `${((Date.now() - start) / 1000).toFixed(1)} s`;
}
