import type { JSX } from 'preact';
import { hubKey, sender } from './hub-key.ts';
import { base, directory, openTopicPage, snippetAccess } from './page.ts';
import { PublishForm } from './publish-form.tsx';
import { isNowhereAllowed } from './refusals.ts';
import { SnippetList } from './snippet-list.tsx';
import { publishSnippet, topicSnippets } from './snippet.ts';

/** A topic for the examples on a page that has none open. */
const EXAMPLE_TOPIC = 'greetings';

/** The view when no topic is open: how to begin, and a longer introduction on a new hub. */
export function StartView(): JSX.Element {
  const isNew = directory.value?.topics.length === 0;
  const hasKey = hubKey.value !== '';
  const mayPublish = !isNowhereAllowed('publish');
  return (
    <div class="start-view" id={isNew ? 'empty' : undefined}>
      {!isNew && <h1 class="unseen">The topics of this hub</h1>}
      {isNew && (
        <section class="welcome">
          <h1>Nothing has been published here yet</h1>
          <p>
            This hub keeps what is published to it and passes it on to everyone who listens.
            {mayPublish && ' Paste this line into a terminal, and watch the topic appear here:'}
          </p>
          {mayPublish && (
            <>
              <SnippetList
                snippets={[{ title: 'Publish with curl', text: publishSnippet(base, EXAMPLE_TOPIC, hasKey) }]}
              />
              <p>Or write the first event right here.</p>
            </>
          )}
        </section>
      )}
      {mayPublish ? (
        <section class="card">
          <h2>Publish to a topic</h2>
          <PublishForm topic={null} onPublished={openTopicPage} />
        </section>
      ) : (
        <p id="refused" class="quiet">
          {sender.value} may not publish to any topic.
        </p>
      )}
      {!isNew && (
        <section class="card">
          <h2>How to connect</h2>
          <SnippetList snippets={topicSnippets(base, EXAMPLE_TOPIC, snippetAccess.value, mayPublish)} />
        </section>
      )}
    </div>
  );
}
