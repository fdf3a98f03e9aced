// --- One reading: the reader's choice without the model, and then with its answer -------------------------

const PICTURE_SIDE = 360; // of the small pictures that the results show
let since = 0; // when the reading began
let touched = false; // whether the reader has set the slider in this reading

const nameOf = (choice) => cxr.nameOf(choice, say);
const sayReading = ({ choice, confidence }) => (confidence === null
  ? nameOf(choice) : say("study_sure", { choice: nameOf(choice), confidence: cxr.percent(confidence, 0) }));

// Begins a reading, or goes on with one of which this much has been done.
const startReading = ({ choice = null, confidence = null, seconds = 0, marks: drawn = [], set = false }) => {
  marks = drawn;
  since = performance.now() - 1000 * seconds;
  touched = set;
  const form = $(".own-reading");
  const size = brush();
  form.reset();
  form.querySelector(".brush").value = size;
  if (choice) form.querySelector(`[value=${choice}]`).checked = true;
  if (confidence !== null) form.querySelector(".confidence").value = 100 * confidence;
};
const choiceNow = () => $("[name=choice]:checked")?.value ?? null;
// With the model's answer, the confidence from before holds for the same choice only.
const confidenceIsSet = () => {
  const { first } = current();
  return touched || Boolean(first && first.confidence !== null && first.choice === choiceNow());
};
const reading = () => {
  const choice = choiceNow();
  const confidence = choice === "UNSURE" || !confidenceIsSet() ? null : confidenceNow();
  return { choice, confidence, seconds: Math.round((performance.now() - since) / 1000) };
};
const drawnMarks = () => marks.filter(({ points }) => points.length);

// What is done of a reading outlasts a reload, too.
const keepDraft = () => {
  if (!["read", "aid"].includes(study.phase)) return;
  const done = reading();
  const draft = {
    of: current().key, phase: study.phase, ...done, set: touched && done.confidence !== null, marks: drawnMarks(),
  };
  keeping(() => store.put(DRAFT, draft));
};

const reveal = (begun = {}) => {
  const { first } = current();
  startReading({ ...first, seconds: 0, ...begun, marks: first.marks });
  state.mode = "move";
  stage.byKeys = false;
  state.pressed.heatmap = true;
  enter("aid");
};

const submit = async () => {
  if (study.phase === "read") {
    current().first = { ...reading(), marks: drawnMarks() };
    await keepItem(current());
    reveal();
  } else {
    const value = answered();
    await finish({
      kind: "answered", image: value.id, second: reading(), answer: summary(value), pictures: pictures(),
      reasons: value.warnings,
    });
  }
};

// What of an answer the figures need. The verdict is the model's own, never at a threshold of the reader's: that
// could change between two radiographs.
const verdictOf = (value) => cxrRules.verdict(value.probability, points(), null);
const summary = (value) => ({
  probability: value.probability,
  verdict: verdictOf(value),
  at_threshold: cxrRules.verdict(value.probability, points(), points().threshold),
  low: points().high_sensitivity,
  threshold: points().threshold,
  high: points().high_specificity,
  worth: value.worth,
  model: value.model,
  software: props.software,
  overlap: current().first.marks.length ? overlapOf(value) : null,
});
const overlapOf = (value) => {
  const lungs = new Path2D(value.lungs);
  const context = layer.getContext("2d");
  context.resetTransform();
  return cxrStatistics.overlap({
    map: value.map,
    aspect: value.height / value.width,
    marks: current().first.marks,
    inLungs: (x, y) => context.isPointInPath(lungs, x, y, "evenodd"),
  });
};

// The radiograph in small with the reader's marks, and with the heatmap.
const pictures = () => {
  const { width, height } = answered();
  const scale = PICTURE_SIDE / Math.max(width, height);
  const picture = (paint) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    const context = canvas.getContext("2d");
    drawRadiograph(context, new DOMMatrix().scale(scale), { plain: true, forFile: true });
    paint(context);
    return canvas.toDataURL("image/jpeg", 0.8);
  };
  return {
    marks: picture((context) => drawMarks(context, { width, line: 1.5 / scale })),
    withheld: notSupported() && !state.forced,
    heatmap: picture((context) => {
      if (notSupported() && !state.forced) return; // as on the desk
      context.globalAlpha = 0.6;
      context.drawImage(heatmapLayer.canvas, 0, 0, width, height);
    }),
  };
};

// --- What is shown ----------------------------------------------------------------------------------------

const showReading = () => {
  if (!["read", "aid"].includes(study.phase)) return;
  const unsure = choiceNow() === "UNSURE";
  const unset = !unsure && !confidenceIsSet();
  const slider = $(".confidence");
  showConfidence({ unsure, isSet: !unset });
  slider.toggleAttribute("data-unset", unset);
  slider.setCustomValidity(unset ? say("study_confidence_hint") : "");
  $(".confidence-hint").hidden = !unset;
  $(".asked").textContent = say(study.phase === "aid" ? "study_with_aid" : "own_title");
  $(".before").hidden = blinded();
  $(".before").textContent = blinded() ? "" : say("study_before", { reading: sayReading(current().first) });
  $(".choices").setAttribute("aria-label", $(".asked").textContent);
  $(".own-reading [type=submit]").textContent = say(study.phase === "aid" ? "study_next" : "own_show");
  $(".marking").hidden = !blinded();
  const drawn = drawnMarks().length;
  cxr.write($(".marked"), drawn ? say("study_marked", { marks: drawn }) : say("study_no_marks"));
  $(".brush").setAttribute("aria-valuetext", cxr.percent(brush(), 0)); // of the radiograph's width
  const undoing = $("[data-do=undo]");
  if (!drawn && undoing === document.activeElement) $("[data-do=mark]").focus(); // a button that is off loses it
  undoing.disabled = !drawn;
};

const showModel = () => {
  const shown = study.phase === "aid";
  $(".answer").hidden = !shown;
  if (!shown) return;
  const value = answered();
  const verdict = verdictOf(value);
  $(".study").dataset.verdict = verdict;
  $(".verdict .label").textContent = say(`verdict_${verdict}`);
  $(".verdict .reason").textContent = say("study_probability", {
    probability: cxr.probability(value.probability),
    low: cxr.threshold(points().high_sensitivity), high: cxr.threshold(points().high_specificity),
  });
  const worth = cxrRules.asSentence(say("named_value", { name: say("evidence"), value: say(`worth_${value.worth}`) }));
  $(".answer .means").textContent = `${worth} ${say(`worth_${value.worth}_${value.why}`)}`;
  showWarnings(value.warnings);
};

const showProblem = () => {
  const { kind, value } = state;
  const shown = study.phase === "problem";
  $(".problem").hidden = !shown;
  $(".picture").hidden = !(shown && value.picture); // what was refused
  if (!shown) return;
  if (value.picture) $(".picture").src = value.picture;
  // The name often tells the diagnosis: it is not shown before the reader has decided, nor before another try.
  const stillBlind = !current().first && CAN_BE_TRIED_AGAIN.includes(kind);
  $(".problem .name").textContent = stillBlind ? place() : current().name;
  $(".problem .label").textContent = say(kind === "outside" ? "verdict_OUTSIDE" : `state_${kind}`);
  $(".problem .why").textContent = cxr.sentences(value.reasons ?? value.warnings ?? [], say);
  $(".problem .todo").textContent = say("study_left_out");
  $(".problem .again").hidden = !CAN_BE_TRIED_AGAIN.includes(kind);
  $(".problem .leave").hidden = kind === "offline" || kind === "busy";
  $(".problem .todo").hidden = $(".problem .leave").hidden;
};
