/** A pattern of topics (WHATWG URL Pattern), as data. */
export interface TopicPattern {
  /** At most 1,024 characters, without regular expressions. */
  readonly pattern: string;
  /** The absolute URL that a relative pattern, and every topic that is tested, is resolved against. */
  readonly base: string;
}

/** @throws {ServerError} `ERR_INVALID_PATTERN` */
export function compilePattern({ pattern, base }: TopicPattern): (topic: string) => boolean {
  const compiled = new URLPattern(pattern, base);
  return (topic) => compiled.test(topic, base);
}
