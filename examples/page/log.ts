// A page that is left open for days must not grow without end.
const MAX_LINES = 300;

/** What happened, a line each, the newest last and in view unless the reader has scrolled up. */
export class Log {
  readonly #list: HTMLOListElement;

  constructor(list: HTMLOListElement) {
    this.#list = list;
  }

  /** @param event the event's type in the words of the standard */
  add(event: string, text: string, lastEventId = ''): void {
    const list = this.#list;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 8;
    const line = document.createElement('li');
    line.dataset['event'] = event;
    line.append(
      part('time', '', new Date().toLocaleTimeString('en-GB')),
      part('span', 'name', event),
      part('span', 'text', text),
    );
    if (lastEventId !== '') line.append(part('span', 'id', `id ${lastEventId}`));
    list.append(line);
    while (list.childElementCount > MAX_LINES) list.firstElementChild?.remove();
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }
}

function part(tag: string, className: string, text: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
