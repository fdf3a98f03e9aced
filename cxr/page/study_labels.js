// --- Known labels: tables (CSV) of file names and labels ----------------------------------------------------

const POSITIVE = ["pneumonia", "pneumonie", "positive", "positif", "bacterial", "viral", "1", "yes", "true", "oui"];
const NEGATIVE = ["normal", "normale", "negative", "négatif", "0", "no", "false", "non"];
// Headings of the column of labels, the likeliest first, and of file names; without such a heading they are the second
// and the first column.
const LABELLED = ["label", "labels", "étiquette", "étiquettes", "diagnosis", "diagnostic", "class", "classe", "finding",
  "pneumonia", "pneumonie"];
const NAMED = ["file", "filename", "file name", "fichier", "image", "name", "nom", "path"];
// Headings of what this page and the archive write: a verdict, or a reading, is no known label.
const ANSWERS = ["probability", "verdict"];
const READINGS = ["own", "own_label"];
// A label in words, or one that says yes or no to what the column asks.
const YES_OR_NO = ["1", "yes", "true", "oui", "positive", "positif", "0", "no", "false", "non", "negative", "négatif"];
const labelIn = (text) => {
  const known = text.trim().toLowerCase();
  if (POSITIVE.includes(known)) return "PNEUMONIA";
  return NEGATIVE.includes(known) ? "NORMAL" : null;
};
const isWord = (text) => !YES_OR_NO.includes(text.trim().toLowerCase());

// The text of a table, in UTF-8 or UTF-16 ("Unicode text") or, as older spreadsheets write it, in Windows-1252.
const textOf = (bytes) => {
  const mark = [...new Uint8Array(bytes.slice(0, 2))].join();
  if (["255,254", "254,255"].includes(mark)) {
    return new TextDecoder(mark === "255,254" ? "utf-16le" : "utf-16be").decode(bytes);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
};
// Rows of a CSV file, whose cells are separated by commas, semicolons or tabs; quotes as in RFC 4180, at the beginning of
// a cell alone.
const rowsOf = (text) => {
  const [line] = text.split(/\r?\n/, 1);
  const separator = [",", ";", "\t"].reduce((best, other) =>
    (line.split(other).length > line.split(best).length ? other : best));
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const row = rows.at(-1);
    const char = text[i];
    if (char === '"' && quoted && text[i + 1] === '"') { row[row.length - 1] += '"'; i += 1; }
    else if (char === '"' && (quoted || !row.at(-1))) quoted = !quoted;
    else if (quoted) row[row.length - 1] += char;
    else if (char === separator) row.push("");
    else if (char === "\n") rows.push([""]);
    else if (char !== "\r") row[row.length - 1] += char;
  }
  return rows.filter((row) => row.some((cell) => cell.trim()));
};

// Paths as they are compared: in small letters, folders parted by slashes; some disks store a letter and its accent apart.
const pathOf = (name) => name.trim().toLowerCase().normalize("NFC").replaceAll("\\", "/");
const baseOf = (path) => path.split("/").at(-1);
const withoutEnding = (path) => path.replace(/\.[^./]*$/, "");

// Whether a row names a file: wholly, where the file's path ends with all that the row says (a name alone is that of a
// file in any folder), or in part, where the row has folders before the file's path.
const namesWholly = (row, path) => `/${path}`.endsWith(`/${row}`);
const namesInPart = (row, path) => `/${row}`.endsWith(`/${path}`);

// The rows { path, label } of a table that name a file and its label; how many of its rows do not; and whether it is a
// table of answers, none of whose rows count. A first row without a label is a heading. Under a heading that is not
// known, as "no finding", nobody can tell what 1 means: there, only words count.
const rowsIn = (text) => {
  // Some programs end lines with a carriage return alone, and name the separator in a first line.
  const lines = text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n").replace(/^sep=.\n/i, "");
  const rows = rowsOf(lines.normalize("NFC"));
  const cells = (rows[0] ?? []).map((cell) => cell.trim().toLowerCase());
  const isHeading = cells.some((cell) => NAMED.includes(cell))
    || !(labelIn(cells[1] ?? "") || /\.[a-z0-9]{2,5}$/.test(cells[0] ?? ""));
  const headings = isHeading ? cells : [];
  const columnOf = (known) => headings.indexOf(known.find((name) => headings.includes(name)));
  const nameAt = Math.max(columnOf(NAMED), 0);
  const labelled = columnOf(LABELLED);
  const isAnswers = columnOf(READINGS) >= 0 || (labelled < 0 && columnOf(ANSWERS) >= 0);
  if (isAnswers) return { found: [], unused: 0, isAnswers };
  const labelAt = labelled < 0 ? 1 : labelled;
  const found = [];
  const labels = rows.slice(isHeading ? 1 : 0);
  for (const row of labels) {
    const [path, said] = [pathOf(row[nameAt] ?? ""), row[labelAt] ?? ""];
    const label = labelIn(said);
    if (path && label && (!isHeading || labelled >= 0 || isWord(said))) found.push({ path, label });
  }
  return { found, unused: labels.length - found.length, isAnswers };
};

// The labels of tables { name, text }: the names of those that hold some, or of all if none does; their rows, by the
// name of the file without folders; how many rows cannot be used, because their label is not understood or another
// row of the same file contradicts it; and the names of tables of answers, which are left out.
const readLabels = (tables) => {
  const tried = tables.map(({ name, text }) => ({ name, ...rowsIn(text) }));
  const [read, answers] = [tried.filter(({ isAnswers }) => !isAnswers), tried.filter(({ isAnswers }) => isAnswers)];
  const holding = read.filter(({ found }) => found.length);
  const used = holding.length ? holding : read;
  const all = used.flatMap(({ found }) => found);
  const byBase = new Map();
  const labelsOf = new Map(); // sets of labels by path
  for (const row of all) {
    const base = baseOf(row.path);
    if (!byBase.has(base)) byBase.set(base, []);
    byBase.get(base).push(row);
    labelsOf.set(row.path, (labelsOf.get(row.path) ?? new Set()).add(row.label));
  }
  const unused = used.reduce((sum, one) => sum + one.unused, 0)
    + all.filter(({ path }) => labelsOf.get(path).size > 1).length;
  const namesOf = (some) => some.map(({ name }) => name);
  return { names: namesOf(used), answers: namesOf(answers), byBase, unused, count: all.length };
};

// The rows that may mean a file. A row may leave out the file's ending.
const rowsFor = (byBase, path) => {
  for (const asked of [path, withoutEnding(path)]) {
    const rows = byBase.get(baseOf(asked)) ?? [];
    const wholly = rows.filter((row) => namesWholly(row.path, asked));
    const inPart = rows.filter((row) => !namesWholly(row.path, asked) && namesInPart(row.path, asked));
    if (wholly.length || inPart.length) return { wholly, inPart };
  }
  return { wholly: [], inPart: [] };
};

// The label of each file, if all rows that mean it say the same, or else null; and the paths of rows that mean several
// of the files, so that they are used for none. A row means the files that it names wholly, before those in part.
const labelsFor = ({ byBase }, names) => {
  const rows = names.map((name) => rowsFor(byBase, pathOf(name)));
  const meant = new Map(); // how many files each row names: [wholly, in part]
  const count = (row, at) => {
    if (!meant.has(row)) meant.set(row, [0, 0]);
    meant.get(row)[at] += 1;
  };
  for (const { wholly, inPart } of rows) {
    wholly.forEach((row) => count(row, 0));
    inPart.forEach((row) => count(row, 1));
  }
  const isOnly = (row) => (meant.get(row)[0] || meant.get(row)[1]) === 1;
  const labels = rows.map(({ wholly, inPart }) => {
    const means = [...wholly, ...inPart.filter((row) => !meant.get(row)[0])].filter(isOnly);
    const said = new Set(means.map(({ label }) => label));
    return said.size === 1 ? [...said][0] : null;
  });
  const ambiguous = [...meant.keys()].filter((row) => !isOnly(row)).map(({ path }) => path);
  return { labels, ambiguous: [...new Set(ambiguous)] };
};
