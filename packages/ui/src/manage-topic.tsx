import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { authorization, hubKey, sender } from './hub-key.ts';
import { changeTopic } from './manage.ts';
import type { TopicChange } from './manage.ts';
import { base } from './page.ts';
import { isNowhereAllowed, isRefused, noteRefusal } from './refusals.ts';
import type { TopicState } from './topic-state.ts';

const QUESTIONS: Readonly<Record<TopicChange, string>> = {
  close: 'Nothing can be published to it any more. Its events are kept.',
  delete: 'All of its events are removed.',
};

/** Closes or deletes a topic, after asking. What cannot be done is not offered. */
export function ManageTopic({ topic, state }: { topic: string; state: TopicState }): JSX.Element {
  const { isKnown, isClosed, isLeased } = state;
  const [failure, setFailure] = useState('');
  const mayPublish = !isRefused('publish', topic);
  const mayManage = !isRefused('manage', topic);
  const change = async (what: TopicChange): Promise<void> => {
    const verb = what === 'close' ? 'Close' : 'Delete';
    if (!confirm(`${verb} the topic ${topic}?\n\n${QUESTIONS[what]}`)) return;
    const key = hubKey.peek();
    const failed = await changeTopic(base, topic, what, authorization());
    setFailure(failed?.isForbidden ? '' : (failed?.detail ?? ''));
    if (failed?.isForbidden) noteRefusal(what === 'close' ? 'publish' : 'manage', topic, key);
    if (failed === undefined && what === 'delete') location.hash = '#/';
  };
  return (
    <div class="manage">
      {isKnown && !isClosed && !isLeased && mayPublish && (
        <button type="button" id="close-topic" class="link" onClick={() => void change('close')}>
          Close
        </button>
      )}
      {isKnown && mayManage && (
        <button type="button" id="delete-topic" class="link" onClick={() => void change('delete')}>
          Delete
        </button>
      )}
      <span id="manage-answer" role="status">
        {!mayManage && !isNowhereAllowed('manage') && `${sender.value} may not delete this topic. `}
        {failure}
      </span>
    </div>
  );
}
