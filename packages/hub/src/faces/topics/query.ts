import { requireSomeRight } from '../../access/require.ts';
import { Problem } from '../../http/problem.ts';
import type { Exchange } from '../../http/request.ts';
import type { FaceContext } from '../face.ts';

const FORM = 'application/x-www-form-urlencoded';

// Room for parameters that are no matchers. There are fewer of them.
const OTHERS = 32;

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
  let form: string;
  try {
    form = parse(await body.whole(limits.maxQueryBytes));
  } finally {
    body.close();
  }
  const count = form.split('&', limits.maxMatchers + OTHERS + 1).length;
  if (count > limits.maxMatchers + OTHERS) {
    throw new Problem(
      'too-many-matchers',
      `The form has more parameters than the ${limits.maxMatchers} matchers that are allowed`,
    );
  }
  const url = new URL(exchange.url);
  url.search = new URLSearchParams([...url.searchParams, ...new URLSearchParams(form)]).toString();
  return { ...exchange, url };
}

function parse(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (error) {
    throw new Problem('invalid-parameter', 'The form is not valid UTF-8', { cause: error });
  }
}
