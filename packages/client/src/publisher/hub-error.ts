import { ClientError, type ErrorFields, type ResponseHeaders } from '../errors.ts';

/** An error that may come from an answer of the hub. */
export class HubError extends ClientError {
  /** The status of the hub's answer; `undefined` if there was none. */
  declare readonly status: number | undefined;
  /** The name of the hub's refusal, such as `too-large` or `leased`; `undefined` where the answer was not one of a hub. */
  declare readonly problem: string | undefined;
  /** The headers of the hub's answer. */
  declare readonly headers: ResponseHeaders | undefined;
  /** The start of the body of the hub's answer: at most 4,096 bytes. */
  declare readonly body: string | undefined;

  constructor(fields: ErrorFields) {
    super(fields);
    // Where the error is printed, the message has said what a refusal says.
    if (fields.problem) Object.defineProperty(this, 'body', { enumerable: false });
  }
}
