import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { ConnectionBanner } from './connection-banner.tsx';
import { credentialName, hubKey, rememberKey } from './hub-key.ts';
import { KeyForm } from './key-form.tsx';
import { keyWanted, openFeed, openTopic, pageTitle } from './page.ts';
import { RefusedNotice } from './refused-notice.tsx';
import { StartView } from './start-view.tsx';
import { TopicList } from './topic-list.tsx';
import { TopicView } from './topic-view.tsx';

/** The whole page. */
export function App(): JSX.Element {
  const main = useRef<HTMLElement>(null);
  useSignalEffect(() => {
    document.title = pageTitle.value;
  });
  return (
    <div class="page" data-view={openTopic.value === null ? 'start' : 'topic'}>
      <header class="masthead">
        <button type="button" class="skip" onClick={() => main.current?.focus()}>
          Skip the list of topics
        </button>
        <a href="#/" class="wordmark">
          <Logo />
          Tidings
        </a>
        <ConnectionBanner />
        {hubKey.value !== '' && !keyWanted.value && (
          <button type="button" id="forget-key" class="link" onClick={() => void rememberKey('')}>
            Forget {credentialName.value}
          </button>
        )}
      </header>
      <TopicList />
      <main ref={main} tabIndex={-1}>
        {/* Another refusal begins anew. */}
        <RefusedNotice key={hubKey.value} />
        <MainView />
      </main>
    </div>
  );
}

function MainView(): JSX.Element {
  if (keyWanted.value) return <KeyForm purpose="listening" />;
  const topicFeed = openFeed.value;
  if (topicFeed === null) return <StartView />;
  return <TopicView key={topicFeed.topic} topicFeed={topicFeed} />;
}

function Logo(): JSX.Element {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <path d="M4 18V6" />
      <circle cx="4" cy="12" r="2.4" />
      <path d="M9.5 8.2a6 6 0 0 1 0 7.6M13.5 5.4a10 10 0 0 1 0 13.2M17.5 2.8a14 14 0 0 1 0 18.4" />
    </svg>
  );
}
