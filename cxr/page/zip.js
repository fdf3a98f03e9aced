// ZIP files in the browser (APPNOTE.TXT 6.3.10): radiographs are read from one and results written to one here,
// without sending the ZIP file to the server.
window.cxrZip ??= (() => {
  const END = 0x06054b50, CENTRAL = 0x02014b50, LOCAL = 0x04034b50;
  const LARGE_END = 0x06064b50, LARGE_PLACE = 0x07064b50, LARGE_FIELDS = 1; // of ZIP64
  const FULL_32 = 0xffffffff; // in place of a number that needs more than 32 bits
  const MAX_BYTES = 100e6; // of one radiograph, the same limit as the server's
  // Bytes in a ZIP that is written: the browser has them in memory, and without ZIP64 it ends at 4 GB.
  const limits = { written: 1e9 };

  const inflate = async (bytes) => {
    const reader = new Blob([bytes]).stream()
      .pipeThrough(new DecompressionStream("deflate-raw")).getReader();
    const parts = [];
    for (let size = 0; ;) {
      const { done, value } = await reader.read();
      if (done) return new Blob(parts);
      size += value.length;
      if (size > MAX_BYTES) { reader.cancel(); throw new Error("too large"); }
      parts.push(value);
    }
  };

  const viewOf = async (file, from, to) => new DataView(await file.slice(from, to).arrayBuffer());
  const large = (view, at) => Number(view.getBigUint64(at, true));

  // How many entries there are, and where their list begins and ends.
  const listOf = async (file) => {
    const tail = await viewOf(file, Math.max(0, file.size - 65_577)); // both ends, and the longest comment
    let end = tail.byteLength - 22;
    while (end >= 0 && tail.getUint32(end, true) !== END) end -= 1;
    if (end < 0) throw new Error("no ZIP archive");
    const [count, bytes, start] =
      [tail.getUint16(end + 10, true), tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
    const place = end - 20;
    if (place < 0 || tail.getUint32(place, true) !== LARGE_PLACE) return [count, start, start + bytes];
    const at = large(tail, place + 8);
    const record = await viewOf(file, at, at + 56);
    if (record.getUint32(0, true) !== LARGE_END) throw new Error("damaged ZIP archive");
    const [entries, size, from] = [32, 40, 48].map((offset) => large(record, offset));
    return [entries, from, from + size];
  };

  // Of an entry in the list: size, packed size, and where it begins. Those that do not fit are in a field of ZIP64.
  const numbersOf = (list, at, fields, ends) => {
    const numbers = [24, 20, 42].map((offset) => list.getUint32(at + offset, true));
    if (!numbers.includes(FULL_32)) return numbers;
    for (let field = fields; field < ends; field += 4 + list.getUint16(field + 2, true)) {
      if (list.getUint16(field, true) !== LARGE_FIELDS) continue;
      let next = field + 4;
      return numbers.map((number) => {
        if (number !== FULL_32) return number;
        next += 8;
        return large(list, next - 8);
      });
    }
    return numbers;
  };

  // The names of the entries, each with a function that opens it: an archive may hold gigabytes.
  const read = async (file) => {
    const [count, start, end] = await listOf(file);
    const list = await viewOf(file, start, end);
    const entries = [];
    for (let at = 0, i = 0; i < count; i += 1) {
      if (list.getUint32(at, true) !== CENTRAL) throw new Error("damaged ZIP archive");
      const method = list.getUint16(at + 10, true);
      const crc = list.getUint32(at + 16, true);
      const [name, extra, comment] = [28, 30, 32].map((offset) => list.getUint16(at + offset, true));
      const fields = at + 46 + name;
      const [size, packed, offset] = numbersOf(list, at, fields, fields + extra);
      const path = new TextDecoder().decode(new Uint8Array(list.buffer, at + 46, name));
      at += 46 + name + extra + comment;
      if (path.endsWith("/")) continue;
      // Where an archive was packed, or would be unpacked, is no part of a name.
      const parts = path.split("/").filter((part) => !["", ".", ".."].includes(part));
      if (!parts.length || parts.some((part) => part.startsWith("."))) continue;
      const open = async () => {
        if (size > MAX_BYTES) throw new Error("too large");
        const head = await viewOf(file, offset, offset + 30);
        if (head.getUint32(0, true) !== LOCAL) throw new Error("damaged ZIP archive");
        const begin = offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
        const bytes = file.slice(begin, begin + packed);
        if (method !== 0 && method !== 8) throw new Error("unknown compression");
        const unpacked = new Uint8Array(await (method === 8 ? await inflate(bytes) : bytes).arrayBuffer());
        // A decoder may make a picture, and another answer, of damaged bytes.
        if (unpacked.length !== size || crc32(unpacked) !== crc) throw new Error("damaged entry");
        return new File([unpacked], parts.at(-1));
      };
      entries.push({ name: parts.join("/"), open });
    }
    return entries;
  };

  const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  const crc32 = (bytes) => {
    let crc = 0xffffffff;
    for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
    return (crc ^ 0xffffffff) >>> 0;
  };

  // A ZIP of files [name, Uint8Array], without compression: PNG files are compressed already.
  const write = (files) => {
    const parts = [], central = [];
    let offset = 0;
    for (const [name, bytes] of files) {
      const path = new TextEncoder().encode(name);
      const fields = new DataView(new ArrayBuffer(26)); // common to both headers
      fields.setUint16(0, 20, true);
      fields.setUint16(2, 0x0800, true); // names are UTF-8
      fields.setUint16(8, 0x21, true); // 1980-01-01, the earliest date in a ZIP
      fields.setUint32(10, crc32(bytes), true);
      fields.setUint32(14, bytes.length, true);
      fields.setUint32(18, bytes.length, true);
      fields.setUint16(22, path.length, true);
      const mark = (signature) => {
        const view = new DataView(new ArrayBuffer(4));
        view.setUint32(0, signature, true);
        return view;
      };
      const rest = new DataView(new ArrayBuffer(14));
      rest.setUint32(10, offset, true);
      const version = new Uint8Array([20, 0]);
      parts.push(mark(LOCAL), fields, path, bytes);
      central.push(mark(CENTRAL), version, fields, rest, path);
      offset += 30 + path.length + bytes.length;
    }
    const size = central.reduce((sum, part) => sum + part.byteLength, 0);
    const end = new DataView(new ArrayBuffer(22));
    end.setUint32(0, END, true);
    end.setUint16(8, files.length, true);
    end.setUint16(10, files.length, true);
    end.setUint32(12, size, true);
    end.setUint32(16, offset, true);
    return new Blob([...parts, ...central, end], { type: "application/zip" });
  };
  return { read, write, limits };
})();
