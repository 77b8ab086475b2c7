import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Snippet } from './snippet.ts';

/** How long the button reports that it has copied, in milliseconds. */
const SAID_MS = 2000;

/** A snippet with a button that copies it. */
export function CopySnippet({ snippet }: { snippet: Snippet }): JSX.Element {
  const code = useRef<HTMLElement>(null);
  const [said, setSaid] = useState('');
  useEffect(() => {
    if (said === '') return undefined;
    const timer = setTimeout(() => setSaid(''), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);

  const copy = (): void => {
    // A page that did not come over HTTPS or from a loopback address has no clipboard.
    const copying = navigator.clipboard?.writeText(snippet.text) ?? Promise.reject(new Error('no clipboard'));
    copying.then(
      () => setSaid('Copied'),
      () => {
        if (code.current !== null) getSelection()?.selectAllChildren(code.current);
        setSaid('Selected');
      },
    );
  };
  return (
    <figure class="snippet">
      <figcaption>{snippet.title}</figcaption>
      <pre tabIndex={0}>
        <code ref={code}>{snippet.text}</code>
      </pre>
      <button type="button" onClick={copy} aria-label={`Copy: ${snippet.title}`}>
        {said || 'Copy'}
      </button>
      <span class="unseen" role="status">
        {said}
      </span>
    </figure>
  );
}
