import { element, Stage } from '../page/stage.ts';

const form = element('form', HTMLFormElement);
const text = element('text', HTMLInputElement);
const answer = element('answer', HTMLOutputElement);

new Stage().listen('events', { types: ['tidings-gap'] });

/** Says it, and tells whether it is in the database. If the answer was lost, that cannot be known. */
async function say(): Promise<void> {
  try {
    const response = await fetch('say', { method: 'POST', body: text.value });
    answer.textContent = response.ok ? `Said as ${await response.text()}` : `Not said: ${response.status}`;
    if (response.ok) text.value = '';
  } catch {
    answer.textContent = 'Perhaps said: the answer was lost';
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void say();
});
