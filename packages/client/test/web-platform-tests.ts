import type { Listener, Scenario } from './scenario.ts';

/**
 * The web platform's tests of `EventSource`: the files below `eventsource/` of web-platform-tests/wpt, with the names of their
 * subtests where a file has several.
 */
const IN_PAGES: Readonly<Record<string, readonly string[]>> = {
  'event-data.any.js': [],
  'eventsource-bfcache.window.js': [],
  'eventsource-close.window.js': ['close()', 'test events'],
  'eventsource-constructor-document-domain.window.js': [],
  'eventsource-constructor-empty-url.any.js': [],
  'eventsource-constructor-non-same-origin.window.js': ['ftp:', 'about:', 'mailto:', 'javascript:'],
  'eventsource-constructor-stringify.window.js': ['object', '1', 'null', 'undefined'],
  'eventsource-constructor-url-bogus.any.js': [],
  'eventsource-constructor-url-multi-window.htm': [],
  'eventsource-cross-origin-preflight.window.js': ['safe last-event-id', 'too long', 'unsafe characters'],
  'eventsource-cross-origin-redirect-origin.any.js': [],
  'eventsource-cross-origin.window.js': [
    'basic use',
    'redirect use',
    'redirect use recon',
    'allow-origin: http://example.org should fail',
    "allow-origin:'' should fail",
    'No allow-origin should fail',
  ],
  'eventsource-eventtarget.any.js': [],
  'eventsource-from-readable-stream-fetch.window.js': [],
  'eventsource-from-readable-stream.any.js': [],
  'eventsource-onmessage-realm.htm': [],
  'eventsource-onmessage-trusted.any.js': [],
  'eventsource-onmessage.any.js': [],
  'eventsource-onopen.any.js': [],
  'eventsource-prototype.any.js': [],
  'eventsource-reconnect.window.js': ['200', 'test reconnection events'],
  'eventsource-request-cancellation.any.window.js': [],
  'eventsource-url.any.js': [],
  'format-bom-2.any.js': [],
  'format-bom.any.js': [],
  'format-comments.any.js': [],
  'format-data-before-final-empty-line.any.js': [],
  'format-field-data.any.js': [],
  'format-field-event-empty.any.js': [],
  'format-field-event.any.js': [],
  'format-field-id-2.any.js': [],
  'format-field-id-3.window.js': [
    'lastEventId persists',
    'lastEventId resets',
    'lastEventId resets (id without colon)',
  ],
  'format-field-id-null.window.js': ['%00%00', 'x%00', '%00x', 'x%00x', '%20%00'],
  'format-field-id.any.js': [],
  'format-field-parsing.any.js': [],
  'format-field-retry-bogus-2.any.js': [],
  'format-field-retry-bogus.any.js': [],
  'format-field-retry-empty.any.js': [],
  'format-field-retry.any.js': [],
  'format-field-unknown.any.js': [],
  'format-leading-space.any.js': [],
  'format-mime-bogus.any.js': [],
  'format-mime-trailing-semicolon.any.js': [],
  'format-mime-valid-bogus.any.js': [],
  'format-newlines.any.js': [],
  'format-null-character.any.js': [],
  'format-utf-8.any.js': [],
  'request-accept.any.js': [],
  'request-cache-control.any.js': [
    'own origin, first',
    'own origin, second',
    'other origin, first',
    'other origin, second',
  ],
  'request-credentials.any.window.js': ['enabled', 'disabled', 'default'],
  'request-redirect.any.window.js': ['301', '302', '303', '307'],
  'request-status-error.window.js': ['204', '205', '210', '299', '404', '410', '503'],
  '../html/dom/idlharness.https.html': [],
};

/** The same in workers and shared workers, where every scenario is played, too. */
const IN_WORKERS = [
  'dedicated-worker/eventsource-close.htm',
  'dedicated-worker/eventsource-close2.htm',
  'dedicated-worker/eventsource-constructor-no-new.any.js',
  'dedicated-worker/eventsource-constructor-non-same-origin.htm',
  'dedicated-worker/eventsource-constructor-url-bogus.htm',
  'dedicated-worker/eventsource-eventtarget.worker.js',
  'dedicated-worker/eventsource-onmessage.htm',
  'dedicated-worker/eventsource-onopen.htm',
  'dedicated-worker/eventsource-prototype.htm',
  'dedicated-worker/eventsource-url.htm',
  'shared-worker/eventsource-close.htm',
  'shared-worker/eventsource-constructor-non-same-origin.htm',
  'shared-worker/eventsource-constructor-url-bogus.htm',
  'shared-worker/eventsource-eventtarget.htm',
  'shared-worker/eventsource-onmessage.htm',
  'shared-worker/eventsource-onopen.htm',
  'shared-worker/eventsource-prototype.htm',
  'shared-worker/eventsource-url.htm',
];

/** Why no scenario stands for a subtest. */
const REASONS: Readonly<Record<string, string>> = {
  'eventsource-bfcache':
    'it is about two visits of a page: `page-cache-browsers.test.ts` has the same for this class, in both browsers',
  'eventsource-close2':
    'it makes a source in a worker that is ending, of which nothing more can be seen than that it is connecting, as in `eventsource-close`',
  'eventsource-constructor-document-domain':
    '`document.domain` has no meaning to `fetch`; what is left of the subtest is `eventsource-onopen`',
  'eventsource-constructor-url-multi-window':
    'it takes the class of another window. This one belongs to the window whose script imported it',
  'eventsource-from-readable-stream':
    'it tests a proposal that is not in the standard, `EventSource.fromReadableStream()`',
  'eventsource-from-readable-stream-fetch': 'it tests the same proposal',
  'eventsource-onmessage-realm':
    'it takes the class of another window. This one makes events of the window whose script imported it',
  'eventsource-request-cancellation':
    '`window.stop()` looks like a network error to a script, so this class connects again: `window-stop-browsers.test.ts`',
};

/** The name that a file and its subtests have in the scenarios. */
function stemOf(file: string): string {
  return file.replace(/^.*\//, '').replace(/\..*$/, '');
}

/** The subtests, each with the file that it is in. */
function subtests(): readonly { file: string; subtest: string }[] {
  return Object.entries(IN_PAGES).flatMap(([file, names]) =>
    (names.length === 0 ? [''] : names).map((name) => ({
      file,
      subtest: name === '' ? stemOf(file) : `${stemOf(file)}: ${name}`,
    })),
  );
}

/** What the scenarios may name as the subtests that they stand for. */
export function knownSubtests(): ReadonlySet<string> {
  return new Set([...subtests().map(({ subtest }) => subtest), ...IN_WORKERS.map(stemOf)]);
}

/** Where this class runs. */
const PLACES: readonly (readonly [Listener, string])[] = [
  ['ours', 'outside of browsers'],
  ['ours in Chromium', 'in Chromium'],
  ['ours in Firefox', 'in Firefox'],
];

/** What stands for a subtest, and where this class departs from it. */
function standsFor(subtest: string, scenarios: readonly Scenario[]): string {
  const found = scenarios.filter(({ wpt }) => wpt?.includes(subtest));
  const reason = REASONS[subtest];
  if ((found.length === 0) === (reason === undefined)) throw new Error(`${subtest} needs a scenario or a reason`);
  if (reason !== undefined) return `– ${reason}`;
  return found
    .map(({ name, where, departures = [] }) => {
      const only = where === undefined ? '' : ` (only ${where})`;
      const differs = departures
        .map(({ who, why }) => ({ places: PLACES.filter(([listener]) => who.includes(listener)), why }))
        .filter(({ places }) => places.length > 0)
        .map(({ places, why }) => `. Differs ${places.map(([, place]) => place).join(', ')}: ${why}`);
      return `${name}${only}${differs.join('')}`;
    })
    .join('; ');
}

/** The table of docs/web-platform-tests.md. */
export function tableOfSubtests(scenarios: readonly Scenario[]): readonly string[] {
  const rows = subtests().map(({ file, subtest }) => [
    `\`${file}\``,
    subtest.split(': ').slice(1).join(': '),
    standsFor(subtest, scenarios),
  ]);
  const alone = new Set(Object.keys(IN_PAGES).map(stemOf));
  const workers = IN_WORKERS.map((file) => [
    `\`${file}\``,
    '',
    alone.has(stemOf(file)) ? `as \`${stemOf(file)}\`, in a worker` : standsFor(stemOf(file), scenarios),
  ]);
  return [...rows, ...workers].map((cells) => `| ${cells.join(' | ')} |`);
}
