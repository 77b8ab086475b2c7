// The two ways in which a server of the chat asks the model: by the AI SDK, and by the package openai. Both give the AI SDK's chunks.

import { createOpenAI } from '@ai-sdk/openai';
import { convertToModelMessages, streamText, toUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai';
import OpenAI from 'openai';

/** What is known of a message beside its text. */
export interface Metadata {
  /** The server that makes the answer. */
  readonly server: string;
  readonly by: string;
  /** How the answer has ended, if that was not well. */
  readonly ended?: string;
}

export type ChatMessage = UIMessage<Metadata>;

export interface Question {
  readonly messages: readonly ChatMessage[];
  readonly model: string;
  readonly metadata: Metadata;
  /** The id of the answer. */
  readonly id: string;
  readonly signal: AbortSignal;
}

/** Asks by the AI SDK. */
export async function askByAiSdk(question: Question): Promise<ReadableStream<UIMessageChunk>> {
  const { messages, model, metadata, id, signal } = question;
  const openai = createOpenAI({ baseURL: model, apiKey: 'none' });
  const { stream } = streamText({
    model: openai.chat('stand-in'),
    messages: await convertToModelMessages([...messages]),
    abortSignal: signal,
    onError: () => {},
  });
  return toUIMessageStream({ stream, generateMessageId: () => id, messageMetadata: () => metadata });
}

/** Asks by the package openai. */
export async function* askByOpenAi(question: Question): AsyncGenerator<UIMessageChunk> {
  const { messages, model, metadata, id, signal } = question;
  const openai = new OpenAI({ baseURL: model, apiKey: 'none', maxRetries: 0 });
  const asked = messages.map(({ role, parts }) => ({
    role,
    content: parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
  }));
  const stream = await openai.chat.completions.create({ model: 'stand-in', messages: asked, stream: true }, { signal });
  yield { type: 'start', messageId: id, messageMetadata: metadata };
  yield { type: 'text-start', id: 'text' };
  for await (const { choices } of stream) {
    const delta = choices[0]?.delta.content ?? '';
    if (delta !== '') yield { type: 'text-delta', id: 'text', delta };
  }
  yield { type: 'text-end', id: 'text' };
  yield { type: 'finish' };
}
