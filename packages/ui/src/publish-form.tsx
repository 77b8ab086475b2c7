import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { authorization, dropKey, hubKey } from './hub-key.ts';
import { KeyForm } from './key-form.tsx';
import { base } from './page.ts';
import { newAttempt, publish } from './publish.ts';
import { noteRefusal } from './refusals.ts';
import type { Draft, PublishAnswer } from './publish.ts';

interface PublishFormProps {
  /** The open topic. Without one the form asks for a topic. */
  readonly topic: string | null;
  /** Whether nothing can be published now. What was typed is kept. */
  readonly isHidden?: boolean;
  readonly onPublished?: (topic: string) => void;
}

const OPTIONAL = [
  ['type', 'Type'],
  ['id', 'ID'],
  ['key', 'Key'],
] as const;

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

/** A form that publishes one event. What was typed is kept until the hub has it. */
export function PublishForm({ topic, isHidden = false, onPublished }: PublishFormProps): JSX.Element {
  const [draft, setDraft] = useState<Draft>({ topic: topic ?? '', data: '', type: '', id: '', key: '' });
  const [answer, setAnswer] = useState<PublishAnswer | undefined>(undefined);
  const [isSending, setSending] = useState(false);
  const attempt = useRef(newAttempt());

  // What a hub refused without a key, it may take with one.
  useEffect(() => setAnswer(undefined), [hubKey.value]);

  const edit = (change: Partial<Draft>): void => {
    attempt.current = newAttempt();
    setDraft({ ...draft, ...change });
  };
  const send = async (): Promise<void> => {
    if (isSending || draft.topic === '') return;
    setSending(true);
    const key = hubKey.peek();
    const result = await publish(base, draft, attempt.current, authorization());
    setSending(false);
    setAnswer(result);
    if (!result.ok) {
      if (result.isForbidden) noteRefusal('publish', draft.topic, key);
      if (result.status === 401) await dropKey(key, result.detail);
      return;
    }
    attempt.current = newAttempt();
    setDraft({ ...draft, data: '', id: '' });
    onPublished?.(draft.topic);
  };

  return (
    <section class="publish" aria-label="Publish" hidden={isHidden}>
      {answer?.ok === false && answer.status === 401 && <KeyForm purpose="publishing" />}
      <form
        id="publish-form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          event.currentTarget.requestSubmit();
        }}
      >
        {topic === null && (
          <Field id="publish-topic" label="Topic" hint="for example greetings">
            <input
              id="publish-topic"
              required
              autocomplete="off"
              spellcheck={false}
              value={draft.topic}
              onInput={(event) => edit({ topic: event.currentTarget.value })}
            />
          </Field>
        )}
        <Field id="publish-data" label="Data" hint="text or JSON">
          <textarea
            id="publish-data"
            rows={2}
            spellcheck={false}
            value={draft.data}
            onInput={(event) => edit({ data: event.currentTarget.value })}
          />
        </Field>
        <div class="publish-row">
          {OPTIONAL.map(([name, label]) => (
            <Field key={name} id={`publish-${name}`} label={label}>
              <input
                id={`publish-${name}`}
                placeholder="optional"
                autocomplete="off"
                spellcheck={false}
                value={draft[name]}
                onInput={(event) => edit({ [name]: event.currentTarget.value })}
              />
            </Field>
          ))}
          <button
            type="submit"
            id="publish-send"
            class="primary"
            aria-disabled={isSending}
            title={isMac ? '⌘ Enter' : 'Ctrl+Enter'}
          >
            {isSending ? 'Publishing…' : 'Publish'}
          </button>
        </div>
        <p id="publish-answer" role="status" data-ok={answer?.ok}>
          {answer?.ok === true && (
            <>
              Published as <code>{answer.id}</code>
            </>
          )}
          {answer?.ok === false && answer.detail}
          {answer === undefined && <span class="quiet shortcut">{isMac ? '⌘ Enter' : 'Ctrl+Enter'} publishes</span>}
        </p>
      </form>
    </section>
  );
}

function Field(props: { id: string; label: string; hint?: string; children: JSX.Element }): JSX.Element {
  return (
    <div class="field">
      <label for={props.id}>
        {props.label} {props.hint !== undefined && <span class="hint">{props.hint}</span>}
      </label>
      {props.children}
    </div>
  );
}
