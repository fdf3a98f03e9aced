// Shared by the page's components: language, theme, what the browser remembers, texts and numbers.
window.cxr ??= (() => {
  const rules = window.cxrRules;

  // Storage may be forbidden or full: then this lasts as long as the page.
  const unstored = new Map();
  const remember = (key, value, storage = "localStorage") => {
    unstored.delete(key);
    try { window[storage].setItem(`cxr.${key}`, JSON.stringify(value)); } catch { unstored.set(key, value); }
  };
  const recall = (key, storage = "localStorage") => {
    if (unstored.has(key)) return unstored.get(key);
    try { return JSON.parse(window[storage].getItem(`cxr.${key}`)); } catch { return null; }
  };

  // Called when the language, the view or a threshold changes.
  const listeners = new Set();
  const notify = () => listeners.forEach((listener) => listener());

  const known = (language) => (language?.startsWith("fr") ? "fr" : "en");
  let language = known(recall("language") ?? navigator.language);
  document.documentElement.lang = language;
  const setLanguage = (chosen) => {
    language = known(chosen);
    remember("language", language);
    document.documentElement.lang = language;
    notify();
  };

  // Gradio follows the system's theme until the reader chooses one.
  const setDark = (dark) => {
    document.body.classList.toggle("dark", dark);
    remember("dark", dark);
  };
  addEventListener("load", () => {
    const dark = recall("dark");
    if (dark !== null) setTimeout(() => setDark(dark), 0);
  });

  // A page that embeds this one, as of a Space, may make the frame as high as its content. Then nothing in it may be as
  // high as the frame: both would grow together.
  const holdHeight = () => {
    const height = Math.max(600, screen.availHeight - 200); // without the browser's bars and what is above the frame
    document.documentElement.style.setProperty("--screen", `${height}px`);
  };
  if (window.parentIFrame) holdHeight();
  else addEventListener("gradio:iframe-resizer-ready", holdHeight);

  const setView = (view) => {
    document.body.dataset.view = view;
    notify();
  };

  // A text of messages.toml in the reader's language, with its values filled in.
  const say = (key, values) => {
    const text = window.cxrTexts[language][key];
    if (text === undefined) throw new Error(`${key}: no such key in messages.toml`);
    return rules.fill(text, language, values);
  };
  // Not written anew, and read out again, where it is the same.
  const write = (to, text) => { if (to.textContent !== text) to.textContent = text; };

  // data-t names an element's text, data-t-title its tooltip, data-t-label what is read out for it, which a button
  // without words shows as its tooltip. Of other elements it would cover what is below them, as a radiograph.
  const translate = (root, say) => {
    for (const found of root.querySelectorAll("[data-t]")) write(found, say(found.dataset.t));
    for (const found of root.querySelectorAll("[data-t-title]")) found.title = say(found.dataset.tTitle);
    for (const found of root.querySelectorAll("[data-t-label]")) {
      const label = say(found.dataset.tLabel);
      found.setAttribute("aria-label", label);
      if (found.matches("button")) found.title = label;
    }
  };

  // Marks at which ends a row that scrolls has more; CSS fades that edge.
  const sayMore = (wide) => {
    const look = () => {
      const { scrollLeft, scrollWidth, clientWidth } = wide;
      wide.dataset.more = [scrollLeft > 1 && "before", scrollLeft + clientWidth < scrollWidth - 1 && "after"]
        .filter(Boolean).join(" ");
    };
    wide.addEventListener("scroll", look, { passive: true });
    new ResizeObserver(look).observe(wide);
  };

  // The reader's own threshold belongs to one version of a model; null where the model's holds. It lasts as long as
  // the browser tab: who opens the page anew, or next, must not read verdicts at a threshold that was forgotten.
  // From slider to verdict: `chooseThreshold` (answer.js) → `setThreshold` → whoever listens by
  // `onChange`, as `show` (viewer.js) → `verdict` below → that of rules.js.
  const ownThreshold = (model) => recall(`threshold.${model}`, "sessionStorage");
  const setThreshold = (model, threshold) => {
    remember(`threshold.${model}`, threshold, "sessionStorage");
    notify();
  };

  // Whether a dialogue is open: keys are the browser's then, and what lies behind it stays as it is.
  const inDialogue = () => Boolean(document.querySelector("dialog[open]"));

  // Whether the reader reads first: answers are shown after the reader's own reading.
  let readFirst = recall("read_first") === true;
  const setReadFirst = (first) => {
    readFirst = first;
    remember("read_first", first);
    notify();
  };
  // In another tab of the browser: then here, too, as if it had been said here.
  addEventListener("storage", ({ key }) => {
    if (key !== "cxr.read_first" || recall("read_first") === readFirst) return;
    readFirst = recall("read_first") === true;
    notify();
  });

  return {
    get language() { return language; },
    get dark() { return document.body.classList.contains("dark"); },
    get readFirst() { return readFirst; },
    remember, recall, setReadFirst, setLanguage, setDark, setView, say, translate, sayMore, ownThreshold, setThreshold,
    onChange: (listener) => { listeners.add(listener); listener(); },
    // At the reader's own threshold; OUTSIDE where the model's range does not reach.
    verdict: ({ probability, operating_points: points, model, in_range: inRange }) =>
      (inRange ? rules.verdict(probability, points, ownThreshold(model)) : "OUTSIDE"),
    number: (count) => rules.number(count, language),
    decimal: (value, digits) => rules.decimal(value, language, digits),
    percent: (fraction, digits) => rules.percent(fraction, language, digits),
    prevalence: (fraction) => rules.prevalence(fraction, language),
    probability: (value) => rules.probability(value, language),
    threshold: (value) => rules.threshold(value, language),
    // Whether a key is for what has the focus, and no shortcut.
    typing: (target) => inDialogue() || Boolean(target.closest?.("input:not([type=range]), textarea, select")),
    // Messages of Python, a code and its values each, as sentences one after the other. A server of another version than
    // the page's, or an answer that the browser has kept, may have one that this page does not know.
    sentences: (messages, say) => messages.map(({ code, values }) => rules.asSentence(
      Object.hasOwn(window.cxrTexts[language], code) ? say(code, values) : say("unknown_message"))).join(" "),
    // The name of a reading, a person's or the model's.
    nameOf: (reading, say) => (reading === "UNSURE" ? say("unsure") : say(`verdict_${reading}`)),
    write,
  };
})();
