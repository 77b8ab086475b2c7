import type { Answer } from '@tidings/server/live';
import { shown } from '@tidings/server/log';
import { HubError } from '../errors.ts';
import { isUtf8 } from '../http/percent.ts';
import { Problem } from '../http/problem.ts';
import { asGet, type Exchange } from '../http/request.ts';
import type { Face, FaceContext, MakeFace } from './face.ts';

/** The methods of all faces of a hub, for a request that is for the hub as a whole (RFC 9110, 9.3.7). */
const ALL_METHODS = ['GET', 'HEAD', 'QUERY', 'POST', 'PUT', 'DELETE'];

/** The face of a URL, and the methods that it allows there. */
export interface FoundFace {
  readonly face: Face;
  readonly methods: readonly string[];
}

/** The faces of a hub. The first face that matches a URL answers. */
export class Routes {
  readonly #faces: readonly Face[];

  /** @throws {HubError} `ERR_INVALID_OPTION` */
  constructor(faces: readonly MakeFace[], context: FaceContext) {
    this.#faces = faces.map((make) => checkFace(make(context)));
  }

  /** Returns the methods that are allowed at a URL, without `OPTIONS`. */
  methodsOf(url: URL): readonly string[] {
    if (url.pathname === '/*') return ALL_METHODS;
    return withHead(this.find(url)?.methods ?? []);
  }

  /**
   * Answers a request.
   * @param found what {@link find} has found for its URL
   * @param onProblem is called with an error that the face itself answers
   * @throws {Problem} `not-found`, `method-not-allowed`, `invalid-parameter` for a query that is not UTF-8, and what the face throws and does not answer
   */
  async answer(found: FoundFace | undefined, exchange: Exchange, onProblem: (error: unknown) => void): Promise<Answer> {
    const { request, url } = exchange;
    if (!found) throw new Problem('not-found', `There is nothing at ${url.pathname}; topics are at /topics/{topic}`);
    const { face, methods } = found;
    try {
      if (!methods.includes(request.method) && !(request.method === 'HEAD' && methods.includes('GET'))) {
        throw notAllowed(request.method, withHead(methods));
      }
      if (!isUtf8(url.search)) throw new Problem('invalid-parameter', 'The query is not valid UTF-8 after decoding');
      const isAsGet = request.method === 'HEAD' && !methods.includes('HEAD');
      const asked = isAsGet ? { ...exchange, request: asGet(request) } : exchange;
      const answer: Answer | undefined = await face.handle(asked);
      if (typeof answer?.status === 'number' && answer.headers) return answer;
      throw new TypeError(
        `The face ${face.name} returned no answer to ${url.pathname}: it must return a status and headers`,
      );
    } catch (error) {
      const answer = face.problem?.(error, exchange);
      if (!answer) throw error;
      onProblem(error);
      return answer;
    }
  }

  /** Refuses a topic that a face has reserved for its own events. @throws {Problem} `invalid-topic` */
  requireUnreserved(topic: string): void {
    const face = this.#faces.find((each) => each.reserves?.(topic));
    if (!face) return;
    throw new Problem(
      'invalid-topic',
      `The topic ${JSON.stringify(topic)} is for events of the hub itself (its face ${face.name}), which nobody else may write`,
    );
  }

  /** Finds the face of a URL, and the methods that it names. */
  find(url: URL): FoundFace | undefined {
    for (const face of this.#faces) {
      const methods = face.match(url);
      if (methods) return { face, methods };
    }
    return undefined;
  }
}

/** `HEAD` is allowed wherever `GET` is. */
function withHead(methods: readonly string[]): readonly string[] {
  return methods.flatMap((method) => (method === 'GET' && !methods.includes('HEAD') ? ['GET', 'HEAD'] : method));
}

/** A function that forgets to return a face, such as `topics` without its parentheses, would fail at every request. */
function checkFace(face: Face | undefined): Face {
  if (typeof face?.match === 'function' && typeof face.handle === 'function') return face;
  const found: unknown = face;
  throw new HubError(
    'ERR_INVALID_OPTION',
    `The option faces has a function that returned ${shown(found)}, but must have functions that make faces, such as topics(), each with match() and handle()`,
  );
}

function notAllowed(method: string, methods: readonly string[]): Problem {
  const allowed = [...methods, 'OPTIONS'].join(', ');
  return new Problem('method-not-allowed', `${method} is not allowed here; allowed are ${allowed}`, {
    headers: { Allow: allowed },
  });
}
