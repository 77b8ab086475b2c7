import { counted, Turns } from '@tidings/server/log';
import { requireSomeRight } from '../../access/require.ts';
import { isUtf8 } from '../../http/percent.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';

const FORM = 'application/x-www-form-urlencoded';

// Room for parameters that are no matchers. There are fewer of them.
const OTHERS = 32;

// Reading a large form takes several milliseconds, and many may come at once: other work goes between them.
const reading = new Turns();

/**
 * A `QUERY` with the parameters of its form beside those of its URL (PROTOCOL §3.5).
 * @throws {Problem} `unauthorized` or `forbidden` if the sender may not listen to anything, `unsupported-type`, `too-large`,
 * `too-many-uploads`, `too-many-matchers`, `invalid-parameter`
 */
export async function withForm({ limits, forms }: FaceContext, exchange: Exchange): Promise<Exchange> {
  const { request, rights } = exchange;
  // Before its body, so that a stranger cannot make the hub read one.
  requireSomeRight(rights, 'listen');
  const [type = ''] = (request.header('content-type') ?? '').split(';', 1);
  if (type.trim().toLowerCase() !== FORM) {
    throw new Problem('unsupported-type', `The body of QUERY is ${JSON.stringify(type)}; allowed is ${FORM}`, {
      headers: { 'Accept-Query': FORM },
    });
  }
  const body = forms.open(request);
  try {
    const bytes = await body.whole(limits.maxQueryBytes);
    return {
      ...exchange,
      url: await reading.run(() => withParameters(exchange.url, parse(bytes), limits.maxMatchers)),
    };
  } finally {
    body.close();
  }
}

/** A URL with the parameters of a form, too. @throws {Problem} `too-many-matchers` */
function withParameters(asked: URL, form: string, maxMatchers: number): URL {
  const count = form.split('&', maxMatchers + OTHERS + 1).length;
  if (count > maxMatchers + OTHERS) {
    throw new Problem(
      'too-many-matchers',
      `The form has more than ${counted(maxMatchers, 'matcher')}, which is the most`,
    );
  }
  const url = new URL(asked);
  url.search = new URLSearchParams([...url.searchParams, ...new URLSearchParams(form)]).toString();
  return url;
}

function parse(body: Uint8Array): string {
  let cause: unknown;
  try {
    const form = new TextDecoder('utf-8', { fatal: true }).decode(body);
    if (isUtf8(form)) return form;
  } catch (error) {
    cause = error;
  }
  throw new Problem('invalid-parameter', 'The form is not valid UTF-8', { cause });
}
