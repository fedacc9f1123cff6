// What QuickJS lacks and most libraries expect: `TextEncoder` and `TextDecoder`, for UTF-8. Imported before anything else.

class Encoder {
  get encoding() {
    return "utf-8";
  }
  encode(text = "") {
    // The escapes are UTF-8: a lone surrogate has none.
    const escaped = encodeURIComponent(String(text).toWellFormed());
    const bytes = new Uint8Array(escaped.length);
    let length = 0;
    for (let i = 0; i < escaped.length; i += 1) {
      if (escaped[i] === "%") {
        bytes[length] = Number.parseInt(escaped.slice(i + 1, i + 3), 16);
        i += 2;
      } else {
        bytes[length] = escaped.charCodeAt(i);
      }
      length += 1;
    }
    return bytes.slice(0, length);
  }
}

class Decoder {
  #fatal;
  #ignoreBOM;
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!["utf-8", "utf8", "unicode-1-1-utf-8"].includes(String(label).trim().toLowerCase())) {
      throw new RangeError(`only UTF-8 is decoded here, not \`${label}\``);
    }
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }
  get encoding() {
    return "utf-8";
  }
  decode(input = new Uint8Array(0)) {
    const bytes = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    const text = [];
    let piece = "";
    let i = !this.#ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    while (i < bytes.length) {
      const first = bytes[i];
      i += 1;
      let point = first;
      if (first >= 0x80) {
        const more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
        point = more === 0 ? -1 : first & (0x3f >> more);
        for (let n = 0; n < more && point >= 0; n += 1) {
          const next = i < bytes.length ? bytes[i] : 0;
          // The second byte says whether the form is the shortest, no surrogate, and within Unicode.
          const low = n > 0 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
          const high = n > 0 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
          if (next < low || next > high) {
            point = -1;
          } else {
            point = (point << 6) | (next & 0x3f);
            i += 1;
          }
        }
      }
      if (point < 0) {
        if (this.#fatal) throw new TypeError("the bytes are not UTF-8");
        point = 0xfffd;
      }
      piece += String.fromCodePoint(point);
      if (piece.length > 4096) {
        text.push(piece);
        piece = "";
      }
    }
    text.push(piece);
    return text.join("");
  }
}

globalThis.TextEncoder ??= Encoder;
globalThis.TextDecoder ??= Decoder;
