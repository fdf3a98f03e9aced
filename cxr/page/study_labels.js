// --- Known labels: a CSV file of file names and labels ----------------------------------------------------

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

// The same file, as far as both paths tell: a name alone is that of a file in any folder.
const sameFile = (one, other) => `/${one}`.endsWith(`/${other}`) || `/${other}`.endsWith(`/${one}`);

// The rows that name a file, by its name without folders; and how many rows cannot be used, because their label is not
// understood or another row of the same file contradicts it. A first row without a label is a heading.
const readLabels = (text) => {
  const rows = rowsOf(text.replace(/^\ufeff/, ""));
  const headings = (rows[0] ?? []).map((cell) => cell.trim().toLowerCase());
  const columnOf = (known, otherwise) => {
    const at = headings.findIndex((heading) => known.includes(heading));
    return at < 0 ? otherwise : at;
  };
  const [nameAt, labelAt] = [columnOf(NAMED, 0), columnOf(LABELLED, 1)];
  const byBase = new Map();
  const labelsOf = new Map(); // sets of labels by path
  let unused = 0;
  rows.forEach((cells, i) => {
    const [path, label] = [pathOf(cells[nameAt] ?? ""), labelIn(cells[labelAt] ?? "")];
    if (!path || !label) {
      if (i) unused += 1;
      return;
    }
    const base = baseOf(path);
    if (!byBase.has(base)) byBase.set(base, []);
    byBase.get(base).push({ path, label });
    labelsOf.set(path, (labelsOf.get(path) ?? new Set()).add(label));
  });
  const all = [...byBase.values()].flat();
  unused += all.filter(({ path }) => labelsOf.get(path).size > 1).length;
  return { byBase, unused, count: all.length };
};

// The label of a file, if all rows that may mean it say the same. A row may leave out its ending.
const labelOf = (name) => {
  const path = pathOf(name);
  for (const asked of [path, withoutEnding(path)]) {
    const found = (study.labels.byBase.get(baseOf(asked)) ?? []).filter((row) => sameFile(row.path, asked));
    const labels = new Set(found.map(({ label }) => label));
    if (labels.size) return labels.size === 1 ? [...labels][0] : null;
  }
  return null;
};
