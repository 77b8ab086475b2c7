/**
 * A `TextDecoder` that reads the mark in front of a stream as those of Chromium and Firefox do. That of Node 24 leaves two marks out where
 * the first one arrives in pieces.
 */
class BrowserTextDecoder extends TextDecoder {
  #mayHaveMark: boolean;

  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false }: TextDecoderOptions = {}) {
    super(label, { fatal, ignoreBOM: true });
    this.#mayHaveMark = !ignoreBOM;
  }

  override decode(...parameters: Parameters<TextDecoder['decode']>): string {
    const text = super.decode(...parameters);
    const hasMark = this.#mayHaveMark && text.startsWith('\ufeff');
    if (text) this.#mayHaveMark = false;
    return hasMark ? text.slice(1) : text;
  }
}

globalThis.TextDecoder = BrowserTextDecoder;
