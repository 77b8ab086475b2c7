import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

interface Question {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

// How long a child may take to answer. It may wait for something that never comes, such as a lost event, and that has to end the run.
const ANSWER_MS = 60_000;

/** A process that is controlled by lines on its standard input, and answers with lines on its standard output. */
export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #name: string;
  readonly #exited: Promise<void>;
  readonly #early: string[] = [];
  #questions: Question[] = [];
  #failure: Error | undefined;

  constructor(command: string, args: readonly string[]) {
    this.#name = [command, ...args].join(' ');
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const question = this.#questions.shift();
      if (question) question.resolve(line);
      else this.#early.push(line);
    });
    // If a child has died, its exit reports that, and not a write to it.
    this.#process.stdin.on('error', () => {});
    this.#exited = new Promise((resolve) => {
      const ended = (how: string): void => {
        this.#failure ??= new Error(`${this.#name} ended with ${how}`);
        for (const { reject } of this.#questions) reject(this.#failure);
        this.#questions = [];
        resolve();
      };
      this.#process.once('error', (error) => ended(error.message));
      this.#process.once('close', (code, signal) => ended(signal ?? `status ${code}`));
    });
  }

  get pid(): number {
    return this.#process.pid ?? Number.NaN;
  }

  /** Runs a TypeScript program of the benchmarks, with the options that Node was started with: a profiler, for example. */
  static node(program: URL, args: readonly string[] = []): Child {
    return new Child(process.execPath, [...process.execArgv, fileURLToPath(program), ...args]);
  }

  /** Sends a line that is not answered. */
  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Sends a line and resolves to the line that answers it. Answers come in the order of the lines. */
  ask(line: string): Promise<string> {
    this.tell(line);
    return this.line();
  }

  /** The next line that the child writes. If none comes within a minute, the child is ended and the promise rejected. */
  line(): Promise<string> {
    const early = this.#early.shift();
    if (early !== undefined) return Promise.resolve(early);
    if (this.#failure) return Promise.reject(this.#failure);
    const answer = new Promise<string>((resolve, reject) => {
      this.#questions.push({ resolve, reject });
    });
    const deadline = setTimeout(() => {
      this.#failure ??= new Error(`${this.#name} was given ${ANSWER_MS} ms for an answer, and did not answer`);
      this.#process.kill('SIGKILL');
    }, ANSWER_MS);
    return answer.finally(() => clearTimeout(deadline));
  }

  /** Sends it a signal, if it has not ended. */
  end(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Ends its input, which ends it. */
  async stop(): Promise<void> {
    this.#process.stdin.end();
    await this.#exited;
  }
}
