import type { ComponentChild, JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { excerpt } from './excerpt.ts';
import { layOutJson } from './json-layout.ts';
import type { Line } from './json-layout.ts';
import { countText } from './time-text.ts';

/** Data longer than this many characters is shown without colours, against hundreds of thousands of elements for one event. */
const MAX_COLOURED = 60_000;

/** The data of an event: JSON laid out, anything else as it is, a long one cut until it is opened. */
export function DataView({ data }: { data: string }): JSX.Element {
  const [open, setOpen] = useState(false);
  const json = useMemo(() => layOutJson(data), [data]);
  const lines = useMemo(() => json ?? plainLines(data), [json, data]);
  const short = useMemo(() => excerpt(lines), [lines]);
  const shown = open ? lines : short.lines;
  return (
    <div class="data" data-format={json === undefined ? 'text' : 'json'}>
      {data === '' ? <pre class="data-empty">no data</pre> : <pre>{runs(shown, data.length <= MAX_COLOURED)}</pre>}
      {short.cut && (
        <button type="button" class="data-more" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Show less' : `Show all: ${countText(lines.length, 'line')}, ${countText(data.length, 'character')}`}
        </button>
      )}
    </div>
  );
}

function plainLines(data: string): Line[] {
  return data.split('\n').map((text) => [{ kind: 'mark', text }]);
}

/** One element for each coloured run, and one text for all that lies between two of them. */
function runs(lines: readonly Line[], coloured: boolean): ComponentChild[] {
  const children: ComponentChild[] = [];
  let plain = '';
  lines.forEach((line, index) => {
    if (index > 0) plain += '\n';
    for (const { kind, text } of line) {
      if (kind === 'mark' || !coloured) {
        plain += text;
        continue;
      }
      children.push(plain, <span class={`json-${kind}`}>{text}</span>);
      plain = '';
    }
  });
  children.push(plain);
  return children;
}
