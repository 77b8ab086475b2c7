import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { CopySnippet } from './copy-snippet.tsx';
import { authorization } from './hub-key.ts';
import type { Snippet, TicketOffer } from './snippet.ts';
import { getTicket } from './ticket.ts';
import type { TicketAnswer } from './ticket.ts';
import { momentText } from './time-text.ts';

/** A snippet that has no credential, with a button that gets a ticket to write into it. */
export function TicketSnippet({ snippet, offer }: { snippet: Snippet; offer: TicketOffer }): JSX.Element {
  const [answer, setAnswer] = useState<TicketAnswer | undefined>();
  const [isAsking, setAsking] = useState(false);
  const [isLate, setLate] = useState(false);
  const useBy = answer && 'ticket' in answer ? answer.useBy : undefined;
  useEffect(() => {
    setLate(false);
    if (useBy === undefined) return undefined;
    const timer = setTimeout(() => setLate(true), useBy - Date.now());
    return () => clearTimeout(timer);
  }, [useBy]);

  const ask = (): void => {
    if (isAsking) return;
    setAsking(true);
    void getTicket(offer.url, authorization()).then((found) => {
      setAnswer(found);
      setAsking(false);
    });
  };
  const text = answer && 'ticket' in answer ? offer.withTicket(answer.ticket) : snippet.text;
  return (
    <div class="ticket-snippet">
      <CopySnippet snippet={{ ...snippet, text }} />
      <p class="ticket">
        <button type="button" class="get-ticket" aria-disabled={isAsking} onClick={ask}>
          {useBy === undefined ? 'Put a ticket in' : 'Put another ticket in'}
        </button>
        <span class="ticket-answer" role="status">
          {answer && noteOf(answer, isLate)}
        </span>
      </p>
    </div>
  );
}

function noteOf(answer: TicketAnswer, isLate: boolean): JSX.Element {
  if ('detail' in answer) return <span class="problem">{answer.detail}</span>;
  const now = Date.now();
  const first = momentText(answer.useBy, now);
  const text = isLate
    ? `It had to be used first by ${first}. If it was not, put another ticket in.`
    : `Use it first by ${first}. Then it is good until ${momentText(answer.expiresAt, now)}, for one page at a time.`;
  return <span class="quiet">{text}</span>;
}
