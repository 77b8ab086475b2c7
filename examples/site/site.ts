import { join } from 'node:path';
import type { NodeRequest, NodeResponse } from '@tidings/server/node';
import type { Answer, Example } from './example.ts';
import { bundlePage } from './bundle.ts';
import { reply } from './reply.ts';

const EXAMPLES = join(import.meta.dirname, '..');

/** An example whose pages have been made, ready to answer what is asked for below its base. */
export class Site {
  readonly #answers: ReadonlyMap<string, Answer>;
  readonly #otherwise: Answer;

  private constructor(answers: ReadonlyMap<string, Answer>, otherwise: Answer) {
    this.#answers = answers;
    this.#otherwise = otherwise;
  }

  /** @param base the path at which it is served, with a slash at the end */
  static async make(example: Example, base: string): Promise<Site> {
    const answers = new Map(Object.entries(example.streams));
    for (const [path, file] of Object.entries(example.pages)) {
      answers.set(path, pageAnswer(await bundlePage(join(EXAMPLES, example.name, file), base)));
    }
    const { otherwise = nothingHere } = example;
    return new Site(answers, otherwise === 'page' ? (answers.get('') ?? nothingHere) : otherwise);
  }

  /** @param path what follows the base in the request's target, without its query */
  async answer(path: string, request: NodeRequest, response: NodeResponse): Promise<void> {
    await (this.#answers.get(path) ?? this.#otherwise)(request, response);
  }
}

export function pageAnswer(html: string): Answer {
  return (_request, response) => reply(response, 200, html, { 'Content-Type': 'text/html; charset=utf-8' });
}

export const nothingHere: Answer = (_request, response) => reply(response, 404, 'There is nothing here.\n');
