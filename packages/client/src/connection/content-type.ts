/** The essence of the last MIME type that can be read ([fetch] "extract a MIME type"). */
const ESSENCE = /^(?:.*,)?[\t ]*([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)[\t ]*(?:[;,].*)?$/;

/** [spec] The MIME essence must be exactly text/event-stream: any case, parameters allowed. */
export function isEventStream(contentType: string | null): boolean {
  return ESSENCE.exec(contentType ?? '')?.[1]?.toLowerCase() === 'text/event-stream';
}
