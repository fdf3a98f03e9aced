// --- Known labels: tables (CSV) of file names and labels ----------------------------------------------------

const POSITIVE = ["pneumonia", "pneumonie", "positive", "positif", "bacterial", "viral", "1", "yes", "true", "oui"];
const NEGATIVE = ["normal", "normale", "negative", "négatif", "0", "no", "false", "non"];
// Headings of the column of labels, and of file names; without such a heading they are the second and the first column.
const LABELLED = ["label", "labels", "étiquette", "class", "classe", "diagnosis", "diagnostic", "finding"];
const NAMED = ["file", "filename", "file name", "fichier", "image", "name", "nom", "path"];
const labelIn = (text) => {
  const known = text.trim().toLowerCase();
  if (POSITIVE.includes(known)) return "PNEUMONIA";
  return NEGATIVE.includes(known) ? "NORMAL" : null;
};

// Rows of a CSV file, whose cells are separated by commas, semicolons or tabs; quotes as in RFC 4180.
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
    else if (char === '"') quoted = !quoted;
    else if (quoted) row[row.length - 1] += char;
    else if (char === separator) row.push("");
    else if (char === "\n") rows.push([""]);
    else if (char !== "\r") row[row.length - 1] += char;
  }
  return rows.filter((row) => row.some((cell) => cell.trim()));
};

// Paths as they are compared: in small letters, folders parted by slashes.
const pathOf = (name) => name.trim().toLowerCase().replaceAll("\\", "/");
const baseOf = (path) => path.split("/").at(-1);
const withoutEnding = (path) => path.replace(/\.[^./]*$/, "");

// Whether a row names a file: wholly, where the file's path ends with all that the row says (a name alone is that of a
// file in any folder), or in part, where the row has folders before the file's path.
const namesWholly = (row, path) => `/${path}`.endsWith(`/${row}`);
const namesInPart = (row, path) => `/${row}`.endsWith(`/${path}`);

// The rows { path, label } of a table that name a file and its label; how many of its rows do not. A first row without
// a label is a heading.
const rowsIn = (text) => {
  const rows = rowsOf(text.replace(/^\ufeff/, ""));
  const headings = (rows[0] ?? []).map((cell) => cell.trim().toLowerCase());
  const columnOf = (known, otherwise) => {
    const at = headings.findIndex((heading) => known.includes(heading));
    return at < 0 ? otherwise : at;
  };
  const [nameAt, labelAt] = [columnOf(NAMED, 0), columnOf(LABELLED, 1)];
  const found = [];
  let unused = 0;
  rows.forEach((cells, i) => {
    const [path, label] = [pathOf(cells[nameAt] ?? ""), labelIn(cells[labelAt] ?? "")];
    if (path && label) found.push({ path, label });
    else if (i) unused += 1;
  });
  return { found, unused };
};

// The labels of tables { name, text }: the names of those that hold some, or of all if none does; their rows, by the
// name of the file without folders; and how many rows cannot be used, because their label is not understood or another
// row of the same file contradicts it.
const readLabels = (tables) => {
  const read = tables.map(({ name, text }) => ({ name, ...rowsIn(text) }));
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
  return { names: used.map(({ name }) => name), byBase, unused, count: all.length };
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
