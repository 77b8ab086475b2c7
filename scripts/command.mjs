import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { root } from './paths.mjs';

// What is kept of a quiet command's output, to be shown if it fails: the end is where the reason is.
const MAX_OUTPUT_CHARS = 64 * 1024;

/** A command ended with an error, could not be started, or was stopped by a signal of its own. */
export class CommandError extends Error {
  /**
   * @param {string} message
   * @param {string} output the output of the command, if it was not shown
   */
  constructor(message, output) {
    super(message);
    this.name = 'CommandError';
    this.output = output;
  }
}

/** This process got a signal, such as that of Ctrl-C, while a command ran. It is no failure of the command, so it is no {@link CommandError}. */
export class Interruption extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`Interrupted by ${signal}`);
    this.name = 'Interruption';
    /** As shells count it: 130 for Ctrl-C. */
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Runs a command and settles when it has ended.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean }} [options] `cwd` is the root unless given; `show` passes its output through, otherwise it is kept for the error
 * @returns {Promise<void>}
 * @throws {CommandError}, and {Interruption} when this process got SIGINT or SIGTERM and the command has ended
 */
export function run(command, args, { cwd = root, env = process.env, show = false } = {}) {
  return new Promise((resolve, reject) => {
    // Only this process may have got the signal. When it ends, its tools must not be still at work.
    /** @type {NodeJS.Signals | undefined} */
    let interruption;
    const stop = (/** @type {NodeJS.Signals} */ signal) => {
      interruption ??= signal;
      child.kill(signal);
    };
    // Before the command starts: what it shows may be what somebody waits for to send a signal.
    process.on('SIGINT', stop).on('SIGTERM', stop);
    const settle = () => process.off('SIGINT', stop).off('SIGTERM', stop);
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
      // On Windows the tools are .cmd files, which only a shell can start.
      shell: process.platform === 'win32' && command !== process.execPath,
    });
    let output = '';
    const keep = (/** @type {string} */ text) => {
      output = (output + text).slice(-MAX_OUTPUT_CHARS);
    };
    child.stdout?.setEncoding('utf8').on('data', keep);
    child.stderr?.setEncoding('utf8').on('data', keep);

    const line = [command, ...args].join(' ');
    child.on('error', (cause) => {
      settle();
      reject(new CommandError(`Could not start "${line}": ${cause.message}`, output));
    });
    child.on('close', (code, signal) => {
      settle();
      if (interruption) reject(new Interruption(interruption));
      else if (code === 0) resolve();
      else reject(new CommandError(`"${line}" ended with ${signal ?? `code ${code}`}`, output));
    });
  });
}
