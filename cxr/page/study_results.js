// --- The results: figures with their intervals, and where reader and model disagree -----------------------

const make = (tag, content = [], attributes = {}) => {
  const made = document.createElement(tag);
  made.append(...[content].flat());
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};
const heading = (said) => make("h3", said);
const paragraph = (said, attributes) => make("p", said, attributes);
// What the table shows stands above it, where it stays in sight while a wide table is scrolled.
const table = (title, columns, rows) => {
  const made = make("table", [
    make("thead", make("tr", columns.map((column) => make("th", column, { scope: "col" })))),
    make("tbody", rows.map(([first, ...cells]) =>
      make("tr", [make("th", first, { scope: "row" }), ...cells.map((cell) => make("td", cell))]))),
  ], { "aria-label": title });
  const wide = make("div", made, { class: "wide", tabindex: "0", role: "region", "aria-label": title });
  return make("div", [paragraph(title, { class: "title" }), wide]);
};

// In a narrow column a figure stays in one line, and its interval in the next.
const unbroken = (said) => said.replaceAll(" ", "\u00a0");
const between = (interval, write) => (interval
  ? unbroken(say("study_interval", { low: write(interval[0]), high: write(interval[1]) })) : "");
const percent = (fraction) => cxr.percent(fraction, 0);
const decimal = (value) => cxr.decimal(value, 2);
const p = (value) => {
  if (value === null) return say("study_no_test");
  return value < 0.001 ? `p < ${cxr.decimal(0.001, 3)}` : `p = ${cxr.decimal(value, 3)}`;
};
const counted = ({ count, all, interval }) => (all
  ? `${unbroken(`${say("study_of", { count, all })}, ${percent(count / all)}`)} ${between(interval, percent)}`
  : "–");

const pair = (name, value) => say("named_value", { name, value });

const agreementPart = ({ agreement, categories }) => {
  const row = (title, { agreed, all, interval, kappa, kappa_interval: around }) => [
    title, counted({ count: agreed, all, interval }),
    kappa === null ? say("study_no_kappa") : `${decimal(kappa)} ${between(around, decimal)}`,
  ];
  return [
    heading(say("study_agreement")),
    table(say("study_agreement_table"), ["", say("study_agreed"), say("study_kappa")], [
      row(say("study_alone"), agreement.alone), row(say("study_aided"), agreement.with_aid),
    ]),
    table(say("study_cross"), [say("study_cross_corner"), ...categories.map(nameOfVerdict)],
      agreement.alone.table.map((counts, i) => [nameOf(categories[i]), ...counts.map(cxr.number)])),
    paragraph(say("study_kappa_means"), { class: "hint" }),
  ];
};
const nameOfVerdict = (category) => (category === "UNSURE" ? say("verdict_UNCERTAIN") : nameOf(category));

const thresholdsOfModel = () => {
  const { low, threshold, high } = study.items.find(isRead).answer;
  return { low: cxr.threshold(low), threshold: cxr.threshold(threshold), high: cxr.threshold(high) };
};
const labelledPart = ({ labelled, models }) => {
  if (!labelled) return [heading(say("study_labelled")), paragraph(say("study_no_labels"))];
  const row = (title, { sensitivity, specificity, auc, auc_interval: around, unsure }) => [
    title, counted(sensitivity), counted(specificity),
    auc === null ? "–" : `${decimal(auc)} ${between(around, decimal)}`, cxr.number(unsure),
  ];
  const { alone, with_aid: aided, model, model_at_threshold: forced, delong_p: tests } = labelled;
  return [
    heading(say("study_labelled")),
    paragraph(say("study_labelled_counts", labelled)),
    table(say("study_labelled_table"),
      ["", say("sensitivity"), say("specificity"), "AUC", say("unsure")],
      [row(say("study_alone"), alone), row(say("study_aided"), aided), row(say("study_model"), model),
        row(say("study_model_at_threshold"), forced)]),
    ...(models.length === 1 ? [paragraph(say("study_thresholds", thresholdsOfModel()))] : []),
    paragraph(say("study_labelled_means"), { class: "hint" }),
    make("div", [rocPlot(labelled), make("div", [
      make("strong", say("study_delong")),
      make("ul", [
        make("li", `${say("study_alone_and_model")} ${p(tests.alone_and_model)}`),
        make("li", `${say("study_aided_and_model")} ${p(tests.with_aid_and_model)}`),
        make("li", `${say("study_alone_and_aided")} ${p(tests.alone_and_with_aid)}`),
      ]),
      paragraph(say("study_delong_means"), { class: "hint" }),
    ])], { class: "beside" }),
  ];
};

const SIDE = 240;
const CURVES = [["alone", "#2563eb", ""], ["with_aid", "#059669", "6 4"], ["model", "#ea580c", "2 3"]];
const rocPlot = (labelled) => {
  const svg = (tag, attributes, content = []) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...[content].flat());
    return made;
  };
  const names = { alone: say("study_alone"), with_aid: say("study_aided"), model: say("study_model") };
  const place = ([across, up]) => `${40 + SIDE * across},${10 + SIDE * (1 - up)}`;
  const text = (x, y, said, attributes = {}) => svg("text", { x, y, "font-size": 12, fill: "currentColor", ...attributes }, said);
  const plot = svg("svg", { viewBox: `0 0 ${SIDE + 60} ${SIDE + 110}`, role: "img", "aria-label": say("study_roc") }, [
    svg("path", { d: `M40 10V${SIDE + 10}H${SIDE + 40}M40 ${SIDE + 10}L${SIDE + 40} 10`, fill: "none", stroke: "#94a3b8" }),
    text(40 + SIDE / 2, SIDE + 40, say("study_roc_across"), { "text-anchor": "middle" }),
    text(-10 - SIDE / 2, 14, say("sensitivity"), { "text-anchor": "middle", transform: "rotate(-90)" }),
    ...[0, 1].flatMap((end) => [
      text(40 + SIDE * end, SIDE + 24, cxr.number(end), { "text-anchor": "middle" }),
      text(34, 14 + SIDE * (1 - end), cxr.number(end), { "text-anchor": "end" }),
    ]),
    ...CURVES.flatMap(([name, stroke, dashes], i) => [
      svg("polyline", { points: labelled[name].roc.map(place).join(" "), fill: "none", stroke,
        "stroke-width": 2.5, "stroke-dasharray": dashes }),
      svg("path", { d: `M40 ${SIDE + 58 + 18 * i}h28`, stroke, "stroke-width": 2.5, "stroke-dasharray": dashes }),
      text(76, SIDE + 62 + 18 * i, names[name]),
    ]),
  ]);
  return plot;
};

const confidenceTable = ({ alone, with_aid: aided }, labelled) => {
  const kinds = labelled ? ["all", "right", "wrong"] : ["all"];
  const heads = [say("study_but_unsure"), say("study_right"), say("study_wrong")].slice(0, kinds.length);
  const mean = ({ mean: value, count }) => (count ? `${percent(value)} (${cxr.number(count)})` : "–");
  const row = (title, means) => [title, ...kinds.map((kind) => mean(means[kind]))];
  return table(say("study_confidence"), ["", ...heads], [row(say("study_alone"), alone), row(say("study_aided"), aided)]);
};
const aidPart = ({ aid, labelled, categories }) => [
  heading(say("study_aid")),
  paragraph(say("study_aid_changed", aid)),
  table(say("study_moves"), [say("study_moves_corner"), ...categories.map(nameOf)],
    aid.table.map((counts, i) => [nameOf(categories[i]), ...counts.map(cxr.number)])),
  confidenceTable(aid.confidence, Boolean(labelled)),
  ...(labelled ? [paragraph(`${say("study_aid_right", {
    better: labelled.only_with_aid_right, worse: labelled.only_alone_right,
  })}${labelled.mcnemar_p === null ? "" : ` ${say("study_mcnemar", { p: p(labelled.mcnemar_p) })}`}`)] : []),
];

const overlapPart = ({ overlap }) => [
  heading(say("study_overlap")),
  paragraph(say("study_overlap_marked", overlap)),
  ...(overlap.compared ? [paragraph(say("study_overlap_found", {
    evidence: percent(overlap.evidence), lungs: percent(overlap.lungs ?? NaN), strongest: counted({
      count: overlap.strongest, all: overlap.compared, interval: overlap.strongest_interval,
    }),
  }))] : []),
  paragraph(say("study_overlap_means"), { class: "hint" }),
];

// What the heatmap beside it is worth.
const worthOf = ({ answer: { worth } }) => (worth ? ` · ${say("evidence_is", { word: say(`worth_${worth}`) })}` : "");
const disagreementPart = () => {
  const apart = study.items.filter((item) => isRead(item) && item.first.choice !== modelOf(item));
  const picture = (src, caption) =>
    make("figure", [make("img", [], { src, alt: caption }), make("figcaption", caption)]);
  return [
    heading(say("study_disagreements")),
    paragraph(apart.length ? say("study_disagreed", { count: apart.length }) : say("study_no_disagreement")),
    make("div", apart.map((item) => make("article", [
      make("strong", item.name),
      make("div", [
        picture(item.pictures.marks, pair(say("study_alone"), sayReading(item.first))),
        picture(item.pictures.heatmap, `${pair(say("study_model"),
          `${say(`verdict_${item.answer.verdict}`)} (${cxr.probability(item.answer.probability)})`)}${worthOf(item)}${
          item.pictures.withheld ? ` · ${say("heatmap_withheld")}` : ""}`),
      ], { class: "pair" }),
      paragraph(pair(say("study_aided"), sayReading(item.second))),
      ...(item.label ? [paragraph(pair(say("study_label"), nameOf(item.label)))] : []),
    ])), { class: "apart" }),
  ];
};

const leftOutPart = () => {
  const left = study.items.filter((item) => !isRead(item));
  if (!left.length) return [];
  const why = ({ kind, reasons, first }) => {
    if (kind === "half") return say("study_half", { reading: sayReading(first) });
    if (kind === "unread") return say("study_unread");
    if (kind === "duplicate") return cxr.sentences(reasons, say);
    return `${say(kind === "outside" ? "verdict_OUTSIDE" : `state_${kind}`)}. ${cxr.sentences(reasons ?? [], say)}`;
  };
  return [
    heading(say("study_left")),
    make("ul", left.map((item) => make("li", [make("strong", item.name), ` – ${why(item)}`]))),
  ];
};

const button = (action, said) => make("button", said, { type: "button", "data-do": action });
const showResults = () => {
  if (study.phase !== "results") return;
  const figures = figuresOf(study.items);
  const warnings = [];
  if (!figures.read) warnings.push(say("study_none"));
  else if (figures.read < FEW) warnings.push(say("study_few", figures));
  else if (figures.labelled && Math.min(figures.labelled.positives, figures.labelled.negatives) < FEW_OF_A_LABEL) {
    warnings.push(say("study_few_of_a_label", figures.labelled));
  }
  const [positive, normal] = figures.left_out_labelled;
  if (positive + normal) warnings.push(say("study_left_out_labelled", { positive, normal }));
  if (figures.trained_on) warnings.push(say("study_trained_on", figures));
  if (figures.models.length > 1) warnings.push(say("study_models"));
  $(".results").replaceChildren(
    make("h2", say("study_results"), { tabindex: "-1" }),
    paragraph(say("study_read", figures)),
    ...(figures.duplicates ? [paragraph(say("study_duplicates", figures))] : []),
    ...warnings.map((said) => paragraph(said, { class: "notice" })),
    make("div", [button("csv", say("study_csv")), button("json", say("study_json")), button("forget", "")], { class: "actions" }),
    ...(figures.read ? [...agreementPart(figures), ...labelledPart(figures), ...aidPart(figures),
      ...overlapPart(figures), ...disagreementPart()] : []),
    ...leftOutPart(),
    ...(figures.read ? [paragraph(say("study_design"), { class: "hint" })] : []),
    paragraph(say("study_kept"), { class: "hint" }),
  );
};
