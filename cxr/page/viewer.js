// Runs in the browser with `element`, `props` and `watch` in scope. A film arrives once; from then
// on sliders change picture and verdict here, with no request to the server.
const { texts, legend } = props;
const state = { threshold: null, opacity: 0.5 }; // threshold null: the model's own
const $ = (selector) => element.querySelector(selector);
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// The same rule as OperatingPoints.verdict in cxr/operating_points.py.
const verdictOf = (probability, points) => {
  const open = probability >= points.high_sensitivity && probability < points.high_specificity;
  if (state.threshold === null && open) return "UNCERTAIN";
  return probability >= (state.threshold ?? points.threshold) ? "PNEUMONIA" : "NORMAL";
};

const showTexts = () => {
  $(".invitation strong").textContent = texts.invitation;
  $(".invitation span").textContent = texts.formats;
  $(".probability span").textContent = texts.probability;
  $(".threshold-control .line span").textContent = texts.threshold;
  $(".opacity-control .line span").textContent = texts.opacity;
  $(".reset").textContent = texts.reset;
  $(".legend .scale").style.backgroundImage = legend;
  $(".legend .low").textContent = texts.legend_low;
  $(".legend .high").textContent = texts.legend_high;
  $(".legend p").textContent = texts.legend;
};

const showFilm = () => {
  const film = props.value;
  $(".viewer").dataset.state = film ? "film" : "empty";
  if (!film) return;
  $(".film").src = film.film;
  $(".film").alt = `${texts.film} ${film.name}`;
  $(".film").hidden = false;
  $(".heat").src = film.heat;
  $(".heat").hidden = false;
  $(".verdict .name").textContent = film.name;
};

const showReading = () => {
  const film = props.value;
  if (!film) return;
  const points = film.operating_points;
  const threshold = state.threshold ?? points.threshold;
  const verdict = verdictOf(film.probability, points);
  $(".viewer").dataset.verdict = verdict;
  $(".verdict .label").textContent = texts.verdicts[verdict];
  $(".verdict .reason").textContent = texts.reasons[verdict];
  $(".probability output").textContent = percent(film.probability, 1);
  $(".bar .fill").style.width = `${100 * film.probability}%`;
  $(".bar .mark").style.left = `${100 * threshold}%`;
  $(".threshold").value = threshold;
  const whose = state.threshold === null ? texts.shipped : texts.own;
  $(".threshold-control output").textContent = `${threshold.toFixed(2)} (${whose})`;
  $(".reset").hidden = state.threshold === null;
  const at = points.curve.reduce((best, point) =>
    Math.abs(point.threshold - threshold) < Math.abs(best.threshold - threshold) ? point : best);
  $(".cost").textContent = fill(texts.cost, {
    source: points.source,
    found: at.true_positives,
    sick: at.true_positives + at.false_negatives,
    alarms: at.false_positives,
    healthy: at.true_negatives + at.false_positives,
  });
  $(".opacity").value = state.opacity;
  $(".opacity-control output").textContent = percent(state.opacity);
  $(".heat").style.opacity = state.opacity;
};

const show = () => { showTexts(); showFilm(); showReading(); };

// Delegated: the template renders anew with each film, `element` stays.
element.addEventListener("input", (event) => {
  if (event.target.matches(".threshold")) state.threshold = Number(event.target.value);
  if (event.target.matches(".opacity")) state.opacity = Number(event.target.value);
  showReading();
});
element.addEventListener("click", (event) => {
  if (event.target.closest(".reset")) { state.threshold = null; showReading(); }
  if (event.target.closest(".invitation")) fileInput()?.click();
});

// A dropped or pasted film takes the same way as a chosen one: through the upload button.
const fileInput = () => document.querySelector(props.upload_selector);
const send = (files) => {
  const input = fileInput();
  if (!input || !files.length) return;
  const transfer = new DataTransfer();
  transfer.items.add(files[0]);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
};
const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
const mark = (dropping) => element.classList.toggle("dropping", dropping);
document.addEventListener("dragover", (event) => {
  if (carriesFile(event)) { event.preventDefault(); mark(true); }
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(false); });
document.addEventListener("drop", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  mark(false);
  send(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => send(event.clipboardData?.files ?? []));

watch("value", show);
show();
