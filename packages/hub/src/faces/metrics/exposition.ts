/** One number of a family. */
export interface Sample {
  /** What follows the name of the family, such as `_bucket`. @default nothing */
  readonly suffix?: string;
  /** Names and values of labels. Their values come from bounded sets, and never from a client. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Numbers of one kind under one name. */
export interface Family {
  /** A counter's ends in `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
  /** What holds of several processes together. @default the sum */
  readonly together?: Together;
}

/** How the numbers of several processes are put together: what each has of its own is added up. */
export type Together = 'sum' | 'max' | 'min';

/** The forms in which families are written, by their media types. */
export const FORMS = {
  'text/plain': 'text/plain; version=0.0.4; charset=utf-8',
  'application/openmetrics-text': 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const;

/** Writes families in the text format of Prometheus (0.0.4), or in that of OpenMetrics (1.0), which are nearly the same. */
export function write(families: readonly Family[], form: keyof typeof FORMS): string {
  const isOpen = form === 'application/openmetrics-text';
  const lines: string[] = [];
  for (const { name, type, help, samples } of families) {
    // There a counter's family is named without the end that its sample has.
    const family = isOpen && type === 'counter' ? name.replace(/_total$/, '') : name;
    lines.push(`# HELP ${family} ${escaped(help)}`, `# TYPE ${family} ${type}`);
    for (const { suffix = '', labels, value } of samples)
      lines.push(`${name}${suffix}${written(labels)} ${text(value)}`);
  }
  if (isOpen) lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

export function gauge(name: string, help: string, value: number, together: Together = 'sum'): Family {
  return { name, type: 'gauge', help, samples: [{ value }], together };
}

export function counter(name: string, help: string, value: number): Family {
  return { name, type: 'counter', help, samples: [{ value }] };
}

/** One sample for each value of a label. */
export function byLabel(
  { name, type, help }: Omit<Family, 'samples'>,
  label: string,
  values: Iterable<readonly [labelled: string, value: number]>,
): Family {
  const samples = [...values].map(([labelled, value]) => ({ labels: { [label]: labelled }, value }));
  return { name, type, help, samples };
}

function written(labels: Readonly<Record<string, string>> | undefined): string {
  if (!labels) return '';
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', String.raw`\"`)}"`,
  );
  return `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`);
}

function text(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return String(value);
}
