// --- The figures of a study, from its radiographs alone ---------------------------------------------------

const CATEGORIES = ["NORMAL", "UNSURE", "PNEUMONIA"];
// Radiographs below which the figures are said to tell little: of all, and of each label.
const [FEW, FEW_OF_A_LABEL] = [30, 15];
// Kinds of radiographs that the model gives no answer to.
const UNANSWERED = ["refused", "outside", "unreadable", "too_large", "missing", "failed"];
const modelOf = ({ answer }) => cxrRules.asReading(answer.verdict);

// How sure of pneumonia, from -1 (sure of normal) to 1; unsure is in the middle.
const scoreOf = ({ choice, confidence }) =>
  ({ PNEUMONIA: confidence, NORMAL: -confidence, UNSURE: 0 })[choice];

const isRead = ({ kind }) => kind === "answered";
const figuresOf = (items) => {
  const read = items.filter(isRead);
  const agreement = (side) => {
    const table = cxrStatistics.crossTable(read.map((item) => [item[side].choice, modelOf(item)]), CATEGORIES);
    return { table, ...cxrStatistics.kappa(table) };
  };
  return {
    radiographs: items.length,
    read: read.length,
    left_out: items.length - read.length,
    duplicates: items.filter(({ kind }) => kind === "duplicate").length, // of the radiographs that are left out
    left_out_labelled: ["PNEUMONIA", "NORMAL"].map((label) => items.filter((item) =>
      item.label === label && UNANSWERED.includes(item.kind)).length),
    trained_on: read.filter(({ reasons }) => reasons?.some(({ code }) => code === "trained_on")).length, // by the model
    models: [...new Set(read.map(({ answer }) => answer.model))],
    categories: CATEGORIES,
    agreement: { alone: agreement("first"), with_aid: agreement("second") },
    labelled: labelledFigures(read.filter(({ label }) => label)),
    aid: aidFigures(read),
    overlap: overlapFigures(read),
  };
};

// Reader and model against the known labels; null without any.
const labelledFigures = (read) => {
  if (!read.length) return null;
  const labels = read.map(({ label }) => (label === "PNEUMONIA" ? 1 : 0));
  const positives = labels.filter(Boolean).length;
  const negatives = labels.length - positives;
  const judged = (calls, scores) => {
    const auc = cxrStatistics.auc(labels, scores);
    return {
      ...cxrStatistics.rates(labels, calls),
      unsure: calls.filter((call) => call === "UNSURE").length,
      auc,
      auc_interval: cxrStatistics.aucInterval(auc, positives, negatives),
      roc: cxrStatistics.roc(labels, scores),
    };
  };
  const scores = {
    alone: read.map(({ first }) => scoreOf(first)),
    with_aid: read.map(({ second }) => scoreOf(second)),
    model: read.map(({ answer }) => answer.probability),
  };
  const p = (one, other) => cxrStatistics.delong(labels, scores[one], scores[other]);
  const right = (choices) => choices.map((choice, i) => choice === read[i].label);
  const [before, after] = ["first", "second"].map((side) => right(read.map((item) => item[side].choice)));
  const count = (was, is) => before.filter((value, i) => value === was && after[i] === is).length;
  return {
    positives,
    negatives,
    alone: judged(read.map(({ first }) => first.choice), scores.alone),
    with_aid: judged(read.map(({ second }) => second.choice), scores.with_aid),
    model: judged(read.map(modelOf), scores.model),
    model_at_threshold: judged(read.map(({ answer }) => answer.at_threshold), scores.model),
    delong_p: {
      alone_and_model: p("alone", "model"),
      with_aid_and_model: p("with_aid", "model"),
      alone_and_with_aid: p("alone", "with_aid"),
    },
    only_alone_right: count(true, false),
    only_with_aid_right: count(false, true),
    mcnemar_p: cxrStatistics.mcnemar(count(true, false), count(false, true)),
  };
};

// What the reader changed after the model's answer.
const aidFigures = (read) => {
  const changed = read.filter(({ first, second }) => first.choice !== second.choice);
  const sureness = (sign) => read.filter(({ first, second }) =>
    first.choice === second.choice && Math.sign(second.confidence - first.confidence) === sign).length;
  return {
    changed: changed.length,
    to_the_model: changed.filter((item) => item.second.choice === modelOf(item)).length,
    from_the_model: changed.filter((item) => item.first.choice === modelOf(item)).length,
    more_sure: sureness(1),
    less_sure: sureness(-1),
    table: cxrStatistics.crossTable(read.map(({ first, second }) => [first.choice, second.choice]), CATEGORIES),
    confidence: { alone: confidenceFigures(read, "first"), with_aid: confidenceFigures(read, "second") },
  };
};
// How sure the reader was on average, where a confidence was said: an unsure reading has none.
const confidenceFigures = (read, side) => {
  const said = read.filter((item) => item[side].confidence !== null);
  const meanOf = (items) => ({
    count: items.length,
    mean: items.length ? items.reduce((sum, item) => sum + item[side].confidence, 0) / items.length : null,
  });
  const labelled = said.filter(({ label }) => label);
  return {
    all: meanOf(said),
    right: meanOf(labelled.filter((item) => item[side].choice === item.label)),
    wrong: meanOf(labelled.filter((item) => item[side].choice !== item.label)),
  };
};

// Means over the radiographs on which the reader marked something and the model found some evidence.
const overlapFigures = (read) => {
  const found = read.map(({ answer }) => answer.overlap).filter((one) => one && one.evidence !== null);
  const mean = (values) => (values.length ? values.reduce((a, b) => a + b) / values.length : null);
  const strongest = found.filter((one) => one.strongest).length;
  return {
    marked: read.filter(({ first }) => first.marks.length).length,
    compared: found.length,
    evidence: mean(found.map((one) => one.evidence)),
    lungs: mean(found.map((one) => one.lungs).filter((value) => value !== null)),
    strongest,
    strongest_interval: cxrStatistics.wilson(strongest, found.length),
  };
};

// --- The same to take along -------------------------------------------------------------------------------

const COLUMNS = ["reader", "position", "file", "image", "status", "label", "choice", "confidence", "choice_with_aid",
  "confidence_with_aid", "verdict", "verdict_at_threshold", "probability", "low", "threshold", "high", "evidence", "marks",
  "evidence_in_marks", "lungs_in_marks", "strongest_in_marks", "seconds", "seconds_with_aid", "remarks", "model", "software"];
const STATUS = { answered: "read", half: "read_without_aid" }; // others are called as their kind
const rowOf = (item) => ({
  reader: study.about.reader,
  position: item.key + 1,
  file: item.name,
  status: STATUS[item.kind] ?? item.kind,
  label: item.label,
  remarks: cxr.sentences(item.reasons ?? [], say),
  ...(item.first && {
    choice: item.first.choice,
    confidence: item.first.confidence,
    marks: item.first.marks.length,
    seconds: item.first.seconds,
  }),
  ...(isRead(item) && {
    choice_with_aid: item.second.choice,
    confidence_with_aid: item.second.confidence,
    verdict: item.answer.verdict,
    verdict_at_threshold: item.answer.at_threshold,
    image: item.image, // the digest of its pixels: files of one name are told apart by it
    probability: item.answer.probability,
    low: item.answer.low,
    threshold: item.answer.threshold,
    high: item.answer.high,
    evidence: item.answer.worth,
    evidence_in_marks: item.answer.overlap?.evidence,
    lungs_in_marks: item.answer.overlap?.lungs,
    strongest_in_marks: item.answer.overlap?.strongest,
    seconds_with_aid: item.second.seconds,
    model: item.answer.model,
    software: item.answer.software,
  }),
});
// As reader-study-B2-2026-11-29.csv, so that the files of several readers can lie in one folder.
const called = (ending) => {
  const reader = (study.about.reader ?? "").replace(/[^\p{L}\p{N}_-]+/gu, "_");
  return ["reader-study", ...(reader ? [reader] : []), `${new Date().toLocaleDateString("sv")}.${ending}`].join("-");
};
const keepTable = () => cxrFiles.downloadTable(called("csv"), COLUMNS, study.items.map(rowOf), { alike: true });
const keepDocument = () => {
  const radiographs = study.items.map((item) => ({ ...rowOf(item), marks: item.first?.marks ?? [] }));
  const content = JSON.stringify({ ...study.about, figures: figuresOf(study.items), radiographs }, null, 1);
  cxrFiles.downloadBlob(new Blob([content], { type: "application/json" }), called("json"));
};
