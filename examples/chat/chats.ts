import { type Runs } from '@tidings/server/runs';
import { storedUIMessageChunks } from '@tidings/server/ai-sdk';
import { readUIMessageStream } from 'ai';
import type { ChatMessage } from './answers.ts';

/**
 * The chats: a topic of the hub for each, whose events are what was asked. The answers are the runs themselves, so that a server that dies in the middle of one leaves nothing behind that
 * has to be stored.
 */
export class Chats {
  readonly #hub: string;
  readonly #runs: Runs;

  constructor(hub: string, runs: Runs) {
    this.#hub = hub;
    this.#runs = runs;
  }

  /** The run of an answer: the same question is never answered twice. */
  static runOf(chat: string, question: string): string {
    return `${chat}/${question}`;
  }

  /** The id of an answer, by which a page knows whether it has it. */
  static answerTo(question: string): string {
    return `answer-${question}`;
  }

  /** Where the hub tells of new questions, for other tabs. */
  topicOf(chat: string): string {
    return `${this.#hub}/topics/chats/${encodeURIComponent(chat)}`;
  }

  async ask(chat: string, question: ChatMessage): Promise<void> {
    const response = await fetch(this.topicOf(chat), {
      method: 'POST',
      headers: { 'Idempotency-Key': question.id },
      body: JSON.stringify(question),
    });
    if (!response.ok) throw new Error(`The hub refused a question: ${await response.text()}`);
  }

  async questions(chat: string): Promise<readonly ChatMessage[]> {
    const response = await fetch(`${this.topicOf(chat)}?limit=1000`, { headers: { Accept: 'application/json' } });
    const { events } = (await response.json()) as { readonly events: readonly { readonly data: string }[] };
    return events.map(({ data }) => JSON.parse(data) as ChatMessage);
  }

  /** The newest answer, if there is one. */
  async newest(chat: string): Promise<{ readonly id: string; readonly run: string } | undefined> {
    const question = (await this.questions(chat)).at(-1);
    return question && { id: Chats.answerTo(question.id), run: Chats.runOf(chat, question.id) };
  }

  /** What was asked, and the answers that are over. The one under way comes by its stream. */
  async messages(chat: string): Promise<readonly ChatMessage[]> {
    const messages: ChatMessage[] = [];
    for (const question of await this.questions(chat)) {
      const answer = await this.#answer(Chats.runOf(chat, question.id));
      messages.push(question, ...(answer ? [answer] : []));
    }
    return messages;
  }

  async #answer(run: string): Promise<ChatMessage | undefined> {
    const { state } = await this.#runs.status(run);
    if (state === 'streaming' || state === 'unknown') return undefined;
    let answer: ChatMessage | undefined;
    const stream = storedUIMessageChunks(this.#runs, run);
    const messages = readUIMessageStream<ChatMessage>({ stream: stream as never, terminateOnError: true });
    for await (const message of messages) answer = message;
    if (!answer?.metadata || state === 'done') return answer;
    return { ...answer, metadata: { ...answer.metadata, ended: state } };
  }
}
