import type { EventFields } from '@tidings/wire';

/** What a client wants its events to look like. The events of each form have a topic of their own. */
export type Form = 'text' | 'html' | 'turbo' | 'datastar';

/** The n-th event in each form. */
export const FORMS: Readonly<Record<Form, (n: number) => EventFields>> = {
  text: (n) => ({ data: String(n) }),
  html: (n) => ({ data: `<p>${n}</p>` }),
  turbo: (n) => ({
    data: `<turbo-stream action="append" target="got"><template><p>${n}</p></template></turbo-stream>`,
  }),
  datastar: (n) => ({
    event: 'datastar-merge-fragments',
    data: `selector #got\nmergeMode append\nfragments <p>${n}</p>`,
  }),
};
