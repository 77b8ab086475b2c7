import { useChat } from '@ai-sdk/react';
import { resumingChatTransport } from '@tidings/client/ai-sdk';
import type { ChatTransport } from 'ai';
import { type ReactElement, type SubmitEvent, useEffect, useRef, useState } from 'react';
import { createRoot } from 'react-dom/client';
import type { ChatMessage } from './answers.ts';
import type { ModelCounts } from './model.ts';

/** The address of the page names the chat, so that it can be reloaded, and opened in another tab. */
const chatId = location.hash.slice(1) || crypto.randomUUID();
location.hash = chatId;

const BASE = document.baseURI.split('#')[0] ?? '/';
const at = (path: string): string => new URL(path, BASE).href;
const api = at('api/chat');

/** It goes on behind the last chunk when the connection is lost, such as with a server that dies. The AI SDK's own would do, too, but says then that the answer has failed. */
const transport: ChatTransport<ChatMessage> = resumingChatTransport({
  api,
  body: () => ({ by: chosen }),
  headers: () => ({ 'x-last-message': lastMessage }),
});

/** The way in which the servers ask the model. */
let chosen = 'ai-sdk';

/** The id of the last message that this page has. */
let lastMessage = '';

/** What was asked so far, and the answers that are over. */
async function loadMessages(): Promise<ChatMessage[]> {
  const messages = (await (await fetch(`${api}/${chatId}`)).json()) as ChatMessage[];
  lastMessage = messages.at(-1)?.id ?? '';
  return messages;
}

const WHY: Readonly<Record<string, string>> = {
  lost: 'The answer broke off: the server that made it has gone.',
  failed: 'The answer broke off.',
  stopped: 'The answer was stopped.',
};

function Chat({ before }: { readonly before: readonly ChatMessage[] }): ReactElement {
  const { messages, setMessages, sendMessage, resumeStream, status, error, clearError } = useChat<ChatMessage>({
    id: chatId,
    messages: [...before],
    resume: true,
    transport,
  });
  const [text, setText] = useState('Who owns an answer?');
  const [counts, setCounts] = useState('');
  const isBusy = status === 'submitted' || status === 'streaming';
  const known = useRef(new Set<string>());
  for (const { id } of messages) known.current.add(id);
  lastMessage = messages.at(-1)?.id ?? '';

  // What another tab asks is shown here, too, and its answer followed. If this page was away, it may be more than one question, and their answers are over.
  useEffect(() => {
    const source = new EventSource(at(`news?chat=${chatId}`));
    source.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const question = JSON.parse(data) as ChatMessage;
      if (known.current.has(question.id)) return;
      known.current.add(question.id);
      void (async () => {
        const said = await loadMessages().catch(() => undefined);
        clearError();
        setMessages((shown) => said ?? [...shown, question]);
        await resumeStream();
      })();
    });
    return () => source.close();
  }, [setMessages, resumeStream, clearError]);

  useEffect(() => {
    const show = async (): Promise<void> => {
      const { underWay, finished, aborted } = (await (await fetch(at('model'))).json()) as ModelCounts;
      setCounts(`${underWay} under way, ${finished} finished, ${aborted} aborted`);
    };
    void show();
    const timer = setInterval(() => void show(), 1000);
    return () => clearInterval(timer);
  }, []);

  const ask = (event: SubmitEvent): void => {
    event.preventDefault();
    void sendMessage({ text });
  };
  const server = messages.at(-1)?.metadata?.server;

  return (
    <>
      <ol className="messages" id="messages">
        {messages.map((message) => (
          <Message key={message.id} message={message} />
        ))}
      </ol>
      {error && (
        <p className="note" id="error" role="alert">
          {error.message}
        </p>
      )}
      <form onSubmit={ask}>
        <input
          id="question"
          aria-label="What you ask"
          value={text}
          onChange={({ target }) => setText(target.value)}
          required
        />
        <button className="primary" id="send" disabled={isBusy}>
          Ask
        </button>
      </form>
      <div className="row">
        <button id="stop" disabled={!isBusy} onClick={() => void fetch(`${api}/${chatId}/stop`, { method: 'POST' })}>
          Stop
        </button>
        <button
          id="kill"
          disabled={!isBusy || server === undefined}
          onClick={() => void fetch(at(`kill?server=${server}`), { method: 'POST' })}
        >
          Kill its server
        </button>
        <label>
          asked by
          <select
            id="by"
            onChange={({ target }) => {
              chosen = target.value;
            }}
          >
            <option value="ai-sdk">the AI SDK</option>
            <option value="openai">openai</option>
          </select>
        </label>
      </div>
      <dl className="facts">
        <dt>state</dt>
        <dd id="status">{status}</dd>
        <dt>requests at the model</dt>
        <dd id="counts">{counts}</dd>
      </dl>
    </>
  );
}

function Message({ message: { role, parts, metadata } }: { readonly message: ChatMessage }): ReactElement {
  const ended = metadata?.ended;
  return (
    <li className={role}>
      <div className="text">{parts.map((part) => (part.type === 'text' ? part.text : '')).join('')}</div>
      {metadata && (
        <div className="facts-line quiet">
          server {metadata.server}, by {metadata.by}
        </div>
      )}
      {ended !== undefined && <div className="note">{WHY[ended] ?? ended}</div>}
    </li>
  );
}

const root = document.querySelector('#chat');
if (root) {
  const before = await loadMessages();
  createRoot(root).render(<Chat before={before} />);
}
