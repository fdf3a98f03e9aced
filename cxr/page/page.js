// Shared by the page's components: language, theme, what the browser remembers, numbers in words.
window.cxr ??= (() => {
  const remember = (key, value) => {
    try { localStorage.setItem(`cxr.${key}`, JSON.stringify(value)); } catch { /* not allowed */ }
  };
  const recall = (key) => {
    try { return JSON.parse(localStorage.getItem(`cxr.${key}`)); } catch { return null; }
  };
  const forget = (key) => {
    try { localStorage.removeItem(`cxr.${key}`); } catch { /* not allowed */ }
  };

  const listeners = new Set();
  const known = (language) => (language?.startsWith("fr") ? "fr" : "en");
  let language = known(recall("language") ?? navigator.language);
  const setLanguage = (chosen) => {
    language = known(chosen);
    remember("language", language);
    document.documentElement.lang = language;
    listeners.forEach((listener) => listener());
  };
  document.documentElement.lang = language;

  // Gradio follows the system's theme until the reader chooses one.
  const setDark = (dark) => {
    document.body.classList.toggle("dark", dark);
    remember("dark", dark);
  };
  addEventListener("load", () => {
    const dark = recall("dark");
    if (dark !== null) setTimeout(() => setDark(dark), 0);
  });

  const fill = (text, values = {}) =>
    text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const number = (value) => new Intl.NumberFormat(language).format(value);
  const decimal = (value) => new Intl.NumberFormat(language, {
    minimumFractionDigits: 2, maximumFractionDigits: 2,
  }).format(value);
  const percent = (share, digits = 0) =>
    Number.isFinite(share)
      ? new Intl.NumberFormat(language, {
          style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits,
        }).format(share)
      : "–";

  // Never 0 or 100 %: nothing is that certain.
  const probability = (share) => {
    if (share > 0.999) return `> ${percent(0.999, 1)}`;
    if (share < 0.001) return `< ${percent(0.001, 1)}`;
    return percent(share, 1);
  };

  // Texts of elements that name theirs: data-t is the text, data-t-label what is read out.
  const translate = (root, texts) => {
    root.querySelectorAll("[data-t]").forEach((found) => {
      found.textContent = texts[found.dataset.t] ?? "";
    });
    root.querySelectorAll("[data-t-label]").forEach((found) => {
      const label = texts[found.dataset.tLabel] ?? "";
      found.setAttribute("aria-label", label);
      found.title = label;
    });
  };
  const sentence = (parts) => {
    const line = parts.join("; ");
    return line ? `${line[0].toUpperCase()}${line.slice(1)}.` : "";
  };
  // The same rule as OperatingPoints.verdict in cxr/model/operating_points.py. A reader's own threshold
  // belongs to one version of a model.
  const ownThreshold = (model) => recall(`threshold.${model}`);
  const verdict = (probability, points, model) => {
    const own = ownThreshold(model);
    const { high_sensitivity: low, high_specificity: high } = points;
    if (own === null && probability >= low && probability < high) return "UNCERTAIN";
    return probability >= (own ?? points.threshold) ? "PNEUMONIA" : "NORMAL";
  };
  const setThreshold = (model, threshold) => {
    if (threshold === null) forget(`threshold.${model}`);
    else remember(`threshold.${model}`, threshold);
    listeners.forEach((listener) => listener());
  };

  // One radiograph, many radiographs, or about the model.
  const setView = (view) => {
    document.body.dataset.view = view;
    listeners.forEach((listener) => listener());
  };

  // What is dropped or pasted goes to the view that is shown.
  const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (dropping) => document.body.classList.toggle("dropping", dropping);
  const hand = (files, items) => {
    const many = document.body.dataset.view === "many" || files.length > 1;
    if (many) setView("many");
    else setView("one");
    const name = many ? "cxr:drop" : "cxr:open";
    const detail = many ? { files: [...files], items } : files[0];
    if (files.length) document.dispatchEvent(new CustomEvent(name, { detail }));
  };
  document.addEventListener("dragover", (event) => {
    if (carriesFile(event)) { event.preventDefault(); mark(true); }
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(false); });
  document.addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    mark(false);
    const items = [...event.dataTransfer.items];
    const folder = items.some((item) => item.webkitGetAsEntry?.()?.isDirectory);
    const archive = [...event.dataTransfer.files].some((file) => /\.zip$/i.test(file.name));
    if (folder || archive) setView("many");
    hand(event.dataTransfer.files, items);
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files ?? [];
    if (files.length) hand(files, []);
  });

  const download = (uri, name) => {
    const link = document.createElement("a");
    link.href = uri;
    link.download = name;
    link.click();
  };
  // Rows of objects as CSV, for spreadsheets.
  const downloadTable = (name, columns, rows) => {
    const quote = (value) => {
      // A cell that begins like a formula is text to a spreadsheet, too.
      const text = String(value ?? "").replace(/^([=+\-@\t\r])/, "'$1");
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = rows.map((row) => columns.map((column) => quote(row[column])).join(","));
    const text = `\ufeff${[columns.join(","), ...lines].join("\r\n")}\r\n`;
    download(URL.createObjectURL(new Blob([text], { type: "text/csv" })), name);
  };
  return {
    get language() { return language; },
    setLanguage,
    onLanguage: (listener) => { listeners.add(listener); listener(); },
    get dark() { return document.body.classList.contains("dark"); },
    setDark, remember, recall, forget, fill, number, decimal, percent, probability, translate, sentence, download, downloadTable,
    verdict, ownThreshold, setThreshold, setView,
  };
})();
