import { encodeText, publishUrl, ticketUrl, topicUrl, withQuery } from './address.ts';

/** A piece of text to paste elsewhere. */
export interface Snippet {
  readonly title: string;
  readonly text: string;
  /** How it gets a ticket in place of the key that it cannot have. */
  readonly ticket?: TicketOffer;
}

/** A ticket that a snippet is the better for. */
export interface TicketOffer {
  /** The URL that gives it (PROTOCOL §15.6). */
  readonly url: string;
  /** The text of the snippet with a ticket. */
  readonly withTicket: (ticket: string) => string;
}

/** What a hub asks of its users. */
export interface SnippetAccess {
  /** Whether what was given to the page is a token. A hub that takes tokens gives tickets, too. */
  readonly hasToken: boolean;
  /** Whether publishing takes the key. */
  readonly publishNeedsKey: boolean;
  /** Whether listening takes the key, too. */
  readonly listenNeedsKey: boolean;
}

/** Stands for the key: the key itself is never written out. */
const KEY_NAME = 'TIDINGS_KEY';
const KEY_FROM_ENVIRONMENT = `const headers = { Authorization: \`Bearer \${process.env.${KEY_NAME}}\` };`;
const KEY_HEADER = ` -H "Authorization: Bearer $${KEY_NAME}"`;

/**
 * What the variable in a snippet is.
 * @param given what this page was given; undefined for nothing
 */
export function keyNote(given: 'key' | 'token' | undefined): string {
  const what = given === undefined ? 'a key or a token of this hub' : `the ${given} that you gave this page`;
  return `${KEY_NAME} stands for ${what}: set it as an environment variable where you use these lines.`;
}

/** Whether a snippet needs the key where it is used. */
export function namesKey({ text }: Snippet): boolean {
  return text.includes(KEY_NAME);
}

/**
 * How to listen to a topic, and to publish to it if that is possible, from a shell and from a page. A topic's URL contains neither quotes nor
 * backslashes, so it is safe between single quotes in both.
 */
export function topicSnippets(base: string, topic: string, access: SnippetAccess, canPublish: boolean): Snippet[] {
  const { publishNeedsKey, listenNeedsKey } = access;
  const url = topicUrl(base, topic);
  const header = listenNeedsKey ? KEY_HEADER : '';
  const listenFromShell = { title: 'Listen with curl', text: `curl -N${header} '${withQuery(url, 'last=10')}'` };
  const listenFromPage = pageSnippets(base, topic, access);
  if (!canPublish) return [listenFromShell, ...listenFromPage];
  return [
    listenFromShell,
    { title: 'Publish with curl', text: publishSnippet(base, topic, publishNeedsKey) },
    ...listenFromPage,
    publishNeedsKey
      ? { title: 'Publish from a server', text: publishWithKey(publishUrl(base, topic)) }
      : { title: 'Publish from a page', text: publish(publishUrl(base, topic)) },
  ];
}

/** The one line that publishes something. */
export function publishSnippet(base: string, topic: string, needsKey: boolean): string {
  return `curl${needsKey ? KEY_HEADER : ''} -d 'Hello' '${publishUrl(base, topic)}'`;
}

/** A page that cannot listen without it gets a ticket in place of the token (PROTOCOL §15.6). */
function pageSnippets(base: string, topic: string, { listenNeedsKey, hasToken }: SnippetAccess): Snippet[] {
  const url = topicUrl(base, topic);
  const title = 'Listen from a page';
  if (!listenNeedsKey) return [{ title, text: listen(url) }];
  const ticket: TicketOffer = {
    url: ticketUrl(base, topic),
    withTicket: (found) => ONE_TICKET + listen(withQuery(url, `ticket=${encodeText(found)}`)),
  };
  if (!hasToken) return [{ title, text: OPEN_FIRST + listen(url), ticket }];
  return [
    { title: 'Get a ticket from a server', text: getTicket(ticket.url) },
    { title, text: WITH_TICKET + listen(withQuery(url, 'ticket='), ' + ticket'), ticket },
  ];
}

/** A page must not get the key, because the key may publish, too. */
const OPEN_FIRST =
  '// A page must not hold the key of the hub, which may publish, too.\n' +
  '// Let everyone listen: start the hub with --anonymous listen.\n';

/** A ticket is good for one page at a time. */
const WITH_TICKET =
  '// The ticket comes from your server, and has to be used within 30 seconds.\n' +
  '// For public events only: start the hub with --anonymous listen, and leave out the ticket.\n';

const ONE_TICKET = '// This ticket is for trying it out, in one page at a time: your server gets one for each page.\n';

function getTicket(url: string): string {
  return `${KEY_FROM_ENVIRONMENT}
const response = await fetch('${url}', { method: 'POST', headers });
const { ticket } = await response.json();`;
}

/** @param more what stands behind the text of the URL */
function listen(url: string, more = ''): string {
  return `const events = new EventSource('${url}'${more});\nevents.onmessage = ({ data }) => console.log(data);`;
}

function publish(url: string): string {
  return `await fetch('${url}', { method: 'POST', body: 'Hello' });`;
}

function publishWithKey(url: string): string {
  return `${KEY_FROM_ENVIRONMENT}\nawait fetch('${url}', { method: 'POST', headers, body: 'Hello' });`;
}
