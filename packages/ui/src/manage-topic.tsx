import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { authorization } from './hub-key.ts';
import { changeTopic } from './manage.ts';
import type { TopicChange } from './manage.ts';
import { base } from './page.ts';

const QUESTIONS: Readonly<Record<TopicChange, string>> = {
  close: 'Nothing can be published to it any more. Its events are kept.',
  delete: 'All of its events are removed.',
};

/** Closes or deletes a topic, after asking. */
export function ManageTopic({ topic, isClosed }: { topic: string; isClosed: boolean }): JSX.Element {
  const [failure, setFailure] = useState('');
  const change = async (what: TopicChange): Promise<void> => {
    const verb = what === 'close' ? 'Close' : 'Delete';
    if (!confirm(`${verb} the topic ${topic}?\n\n${QUESTIONS[what]}`)) return;
    const failed = await changeTopic(base, topic, what, authorization());
    setFailure(failed ?? '');
    if (failed === undefined && what === 'delete') location.hash = '#/';
  };
  return (
    <div class="manage">
      {!isClosed && (
        <button type="button" id="close-topic" class="link" onClick={() => void change('close')}>
          Close
        </button>
      )}
      <button type="button" id="delete-topic" class="link" onClick={() => void change('delete')}>
        Delete
      </button>
      <span id="manage-answer" role="status">
        {failure}
      </span>
    </div>
  );
}
