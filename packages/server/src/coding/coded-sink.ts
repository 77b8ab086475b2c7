import { CohortCoder } from './cohort-coder.ts';
import type { ContentCoding } from './content-coding.ts';
import { append, NOTHING, type PlainTotal } from './plain-total.ts';
import { SharedChunk } from '../sink/shared-chunk.ts';
import type { Sink } from '../sink/sink.ts';

const NO_HISTORY = new Uint8Array();

/** Bytes that are coded for one listener can be the same for others, such as a page of the log that many get. */
const codedAlone = new WeakMap<ContentCoding, WeakMap<SharedChunk, SharedChunk>>();

/**
 * A sink that codes the plain bytes that are written to it. The ticks of its cohort are coded by the
 * cohort. Anything else it codes alone, without references to earlier bytes.
 */
export class CodedSink implements Sink {
  readonly #inner: Sink;
  readonly #coding: ContentCoding;
  #begun = false;
  #ended = false;
  /** The total before the run of the cohort's ticks from `#from` to `#to`. */
  #own: PlainTotal = NOTHING;
  #from: PlainTotal | undefined;
  #to: PlainTotal | undefined;
  #cohort: CohortCoder | undefined;
  /** Where this listener's history begins in the bytes of the cohort; undefined until the next tick. */
  #since: number | undefined;

  constructor(inner: Sink, coding: ContentCoding) {
    this.#inner = inner;
    this.#coding = coding;
  }

  /** Coded bytes that the transport has not taken. */
  get backlog(): number {
    return this.#inner.backlog;
  }

  get needsDrain(): boolean {
    return this.#inner.needsDrain;
  }

  get onDrain(): () => void {
    return this.#inner.onDrain;
  }

  set onDrain(listener: () => void) {
    this.#inner.onDrain = listener;
  }

  get onClose(): () => void {
    return this.#inner.onClose;
  }

  set onClose(listener: () => void) {
    this.#inner.onClose = listener;
  }

  /** From now on every tick of the cohort is written to this sink. If a part of one is left out, the sink has to join again. */
  join(cohort: CohortCoder): void {
    this.#endRun();
    this.#cohort = cohort;
    this.#since = undefined;
  }

  write(chunk: SharedChunk): void {
    if (this.#ended) return;
    const tick = this.#cohort?.tick;
    if (this.#cohort && tick?.plain === chunk) {
      this.#from ??= tick.before;
      this.#to = tick.after;
      this.#since ??= this.#cohort.join();
      this.#send(this.#cohort.coded(tick, this.#since));
    } else this.#writeAlone(chunk);
  }

  end(): void {
    if (this.#ended) return;
    this.#endRun();
    this.#send(new SharedChunk(this.#coding.end(this.#own)));
    this.#ended = true;
    this.#inner.end();
  }

  destroy(): void {
    this.#ended = true;
    this.#inner.destroy();
  }

  #writeAlone(chunk: SharedChunk): void {
    this.#endRun();
    const { crc, length } = this.#own;
    this.#own = { crc: this.#coding.checksum(chunk.bytes, crc), length: length + chunk.bytes.length };
    // What the cohort was sent before lies further back for this listener now.
    this.#since = undefined;
    this.#send(this.#codeAlone(chunk));
  }

  #codeAlone(chunk: SharedChunk): SharedChunk {
    let known = codedAlone.get(this.#coding);
    if (!known) codedAlone.set(this.#coding, (known = new WeakMap()));
    let coded = known.get(chunk);
    if (!coded) {
      coded = new SharedChunk(this.#coding.code(chunk.bytes, NO_HISTORY));
      known.set(chunk, coded);
    }
    return coded;
  }

  #send(coded: SharedChunk): void {
    this.#inner.write(this.#begun ? coded : SharedChunk.fromFrames([this.#coding.head, coded.bytes]));
    this.#begun = true;
  }

  #endRun(): void {
    if (this.#from && this.#to) this.#own = append(this.#own, this.#from, this.#to);
    this.#from = undefined;
    this.#to = undefined;
  }
}

/** A sink for one response of its own: what is written may refer to what was written before. */
class CodedStreamSink extends CodedSink {
  readonly #coder: CohortCoder;

  constructor(inner: Sink, coding: ContentCoding) {
    super(inner, coding);
    this.#coder = new CohortCoder(coding);
    this.join(this.#coder);
  }

  override write(chunk: SharedChunk): void {
    this.#coder.begin(chunk);
    super.write(chunk);
    this.#coder.end();
  }
}

/** The sink to give a cohort's member, or a response that gets the same bytes as others: they are coded once. */
export function codedFor(sink: Sink, coding: ContentCoding | undefined): Sink {
  return coding ? new CodedSink(sink, coding) : sink;
}

/** The sink to write a response of its own to. */
export function codedStream(sink: Sink, coding: ContentCoding | undefined): Sink {
  return coding ? new CodedStreamSink(sink, coding) : sink;
}
