// Files that come in by dropping and pasting, and files that the reader keeps.
window.cxrFiles ??= (() => {
  // One file goes to the viewer; several, a folder or an archive go to the list of many radiographs; all go to the
  // reader study while it is in sight.
  const handOver = (files, items, { asList }) => {
    if (!files.length) return;
    if (document.body.dataset.view === "study") {
      const detail = { files: [...files], items };
      document.dispatchEvent(new CustomEvent("cxr:study", { detail }));
      return;
    }
    window.cxr.setView(asList ? "many" : "one");
    const detail = asList ? { files: [...files], items } : files[0];
    document.dispatchEvent(new CustomEvent(asList ? "cxr:drop" : "cxr:open", { detail }));
  };
  const needsList = (files) => document.body.dataset.view === "many" || files.length > 1;

  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (dropping) => document.body.classList.toggle("dropping", dropping);
  document.addEventListener("dragover", (event) => {
    if (carriesFile(event)) { event.preventDefault(); mark(true); }
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(false); });
  document.addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    mark(false);
    const { files } = event.dataTransfer;
    const items = [...event.dataTransfer.items];
    const folder = items.some((item) => item.webkitGetAsEntry?.()?.isDirectory);
    const archive = [...files].some((file) => /\.zip$/i.test(file.name));
    handOver(files, items, { asList: folder || archive || needsList(files) });
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files ?? [];
    handOver(files, [], { asList: needsList(files) });
  });

  // What was chosen or dropped, folders with all their subfolders: [{ name, file }], the name with its folders; no file
  // where the disk does not give it.
  const filesIn = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((found) => entry.file(found, () => found(null)));
      return [{ name: entry.fullPath.replace(/^\//, ""), file }];
    }
    const reader = entry.createReader();
    const files = [];
    for (;;) {
      const batch = await new Promise((found) => reader.readEntries(found, () => found(null)));
      if (!batch) files.push({ name: entry.fullPath.replace(/^\//, ""), file: null });
      if (!batch?.length) return files;
      for (const inner of batch) files.push(...(await filesIn(inner)));
    }
  };
  const listFiles = async ({ items, files }) => {
    const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (entries.length) return (await Promise.all(entries.map(filesIn))).flat();
    return [...files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  };

  // What operating systems and DICOM media add to folders.
  const NO_RADIOGRAPHS = /(^|\/)(\.|__MACOSX\/|(DICOMDIR|Thumbs\.db|desktop\.ini)$)/i;
  // A radiograph is never a table, which may hold its label.
  const TABLE = /\.(csv|tsv)$/i;
  // Nor is a document, a program, a recording or another archive. Files of other endings, or of none, may be DICOM.
  const ENDINGS = ["txt", "text", "md", "rst", "rtf", "pdf", "docx?", "odt", "pptx?", "odp", "xls[bmx]?", "ods",
    "html?", "css", "xml", "jsonl?", "ya?ml", "toml", "ini", "cfg", "log", "py", "ipynb", "js", "sh", "bat", "exe", "dll",
    "lnk", "url", "md5", "sha\\d+", "tar", "t?gz", "7z", "rar", "mp[34]", "wav", "avi", "mov", "db", "sqlite", "parquet",
    "np[yz]", "pkl", "h5", "onnx"];
  const NO_IMAGE = new RegExp(`(^|/)(readme|licen[cs]e|changelog)$|\\.(${ENDINGS.join("|")})$`, "i");
  const parted = (files, names) =>
    [files.filter(({ name }) => names.test(name)), files.filter(({ name }) => !names.test(name))];
  // The files that may be radiographs among these of listFiles, those in ZIP files, too: each with a function that opens
  // it, and with its place in the ZIP file, or null; apart from them, the tables, and the other files that are no
  // images. `damaged` are the names of ZIP files, files and folders that cannot be read.
  const gather = async (files) => {
    const sources = [];
    const damaged = [];
    for (const { name, file } of files) {
      if (!file) damaged.push(name);
      else if (!/\.zip$/i.test(file.name)) sources.push({ name, file, entry: null, open: async () => file });
      else {
        try {
          const entries = await window.cxrZip.read(file);
          entries.forEach((inner, entry) => sources.push({ name: inner.name, file, entry, open: inner.open }));
        } catch {
          damaged.push(name);
        }
      }
    }
    const found = sources.filter(({ name }) => !NO_RADIOGRAPHS.test(name));
    const [tables, rest] = parted(found, TABLE);
    const [others, images] = parted(rest, NO_IMAGE);
    return { sources: images, tables, others, damaged };
  };
  // Names in a sentence; of many, the first.
  const listed = (names) => [...names.slice(0, 3), ...(names.length > 3 ? ["…"] : [])].join(", ");
  // Files of the file dialogue have no folders in their names: a second "a.png" becomes "a.png (2)", and is taken, too.
  // Names that differ in large and small letters only are one file on many disks: `keyOf` says what has to differ.
  const distinct = (name, taken, keyOf = String) => {
    let found = name;
    for (let n = 2; taken.has(keyOf(found)); n += 1) found = `${name} (${n})`;
    taken.add(keyOf(found));
    return found;
  };

  // Whether a file is still on the disk, as it was when it was chosen.
  const isThere = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

  // What the server says. Of a call that failed, for want of a connection or because the server refused it, Gradio makes
  // undefined.
  const reply = async (call) => {
    const answer = await call;
    if (answer === undefined) throw new Error("the server did not answer");
    return answer;
  };

  // Whether an upload was refused since there are too many; see cxr/page/limits.py.
  const isBusy = (error) => /^HTTP (429|503)/.test(error.message);
  // Asks again while the server says that it is busy, for about a quarter of a minute.
  const patiently = async (ask, saysBusy) => {
    for (let wait = 1000; ; wait *= 2) {
      const last = wait > 8000;
      try {
        const answer = await ask();
        if (last || !saysBusy(answer)) return answer;
      } catch (error) {
        if (last || !isBusy(error)) throw error;
      }
      await new Promise((done) => setTimeout(done, wait * (0.5 + Math.random())));
    }
  };

  const download = (uri, name) => {
    const link = document.createElement("a");
    link.href = uri;
    link.download = name;
    link.click();
  };
  // The browser holds a blob as long as its address; saving a large one takes a while.
  const downloadBlob = (blob, name) => {
    const uri = URL.createObjectURL(blob);
    download(uri, name);
    setTimeout(() => URL.revokeObjectURL(uri), 60_000);
  };
  // Objects as the rows of a CSV file, for spreadsheets: of the reader's language, or alike in all (`alike`), where the
  // tables of several readers are put together.
  const downloadTable = (name, columns, rows, { alike = false } = {}) => {
    // Spreadsheets in French take commas for those of decimals, and expect semicolons between the cells.
    const french = !alike && window.cxr.language === "fr";
    const quote = (value) => {
      if (typeof value === "number") return french ? String(value).replace(".", ",") : String(value);
      // A spreadsheet would run a cell that begins like a formula, or a part of one where semicolons separate cells, or a
      // line of it; an apostrophe makes it text.
      const text = String(value ?? "").replace(/(?:^|(?<=[;\t\r\n]))(?='*[=+\-@\t\r\n＝＋－＠])/g, "'");
      return /[",;\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const separator = french ? ";" : ",";
    const lines = rows.map((row) => columns.map((column) => quote(row[column])).join(separator));
    const text = `\ufeff${[columns.join(separator), ...lines].join("\r\n")}\r\n`;
    downloadBlob(new Blob([text], { type: "text/csv" }), name);
  };
  return { listFiles, gather, distinct, listed, isThere, reply, isBusy, patiently, download, downloadBlob, downloadTable };
})();
