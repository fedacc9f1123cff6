// What QuickJS lacks of the platform, and what compilers take for granted: text to bytes and back.
class Encoder {
  encode(text = '') {
    const bytes = [];
    for (const character of String(text)) {
      let code = character.codePointAt(0);
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(code));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(code >> 6), tail(code));
      else bytes.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
    }
    return new Uint8Array(bytes);
  }
}

const tail = (bits) => 0x80 | (bits & 0x3f);

class Decoder {
  /// `fatal` is always on: a file that is no UTF-8 is for its author to mend.
  decode(bytes = new Uint8Array()) {
    let text = '';
    for (let at = 0; at < bytes.length; ) {
      const first = bytes[at++];
      const more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
      let code = more ? first & (0x3f >> more) : first;
      for (let left = more; left > 0; left--) {
        if ((bytes[at] & 0xc0) !== 0x80) throw new TypeError(`byte ${at} is not UTF-8`);
        code = (code << 6) | (bytes[at++] & 0x3f);
      }
      const least = [0, 0x80, 0x800, 0x10000][more];
      if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) || (first & 0xc0) === 0x80 || first > 0xf7) {
        throw new TypeError(`byte ${at - more - 1} is not UTF-8`);
      }
      text += String.fromCodePoint(code);
    }
    // As platforms have it: the mark of the order of bytes is no text.
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
}

globalThis.TextEncoder ??= Encoder;
globalThis.TextDecoder ??= Decoder;
