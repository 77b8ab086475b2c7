/** What is known of a request before it is answered, whatever framework brought it. */
export interface RequestHead {
  /** In capitals, such as `GET`. */
  readonly method: string;
  /** Absolute, or the target of the request line: what comes behind the host. */
  readonly url: string;
  /** The value of a header field, undefined where it was not sent. The name is in small letters. */
  header(name: string): string | undefined;
  /** The network address of the other side, where it is known. */
  readonly address?: string | undefined;
}
