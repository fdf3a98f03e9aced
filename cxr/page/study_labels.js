// --- Known labels: a CSV file of file names and labels ----------------------------------------------------

const POSITIVE = ["pneumonia", "pneumonie", "positive", "positif", "bacterial", "viral", "1", "yes", "true", "oui"];
const NEGATIVE = ["normal", "normale", "negative", "négatif", "0", "no", "false", "non"];
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

// Names as they are compared: without folders and in small letters.
const baseOf = (name) => name.trim().split(/[/\\]/).at(-1).toLowerCase();

// The labels by name, and how many rows say nothing that is understood or contradict another. A first row without a
// label is a heading.
const readLabels = (text) => {
  const labels = new Map();
  let unused = 0;
  rowsOf(text.replace(/^\ufeff/, "")).forEach((cells, i) => {
    const label = cells.slice(1).map(labelIn).find(Boolean) ?? null;
    const name = baseOf(cells[0]);
    if (label && name && (labels.get(name) ?? label) === label) labels.set(name, label);
    else if (i || label) {
      unused += 1;
      if (label) labels.set(name, null); // two rows contradict each other: neither counts
    }
  });
  return { labels, unused };
};

// The label of a file: under its name, or under its name without its ending.
const labelOf = (name) => {
  const base = baseOf(name);
  const { labels } = study.labels;
  return labels.get(base) ?? labels.get(base.replace(/\.[^.]*$/, "")) ?? null;
};
