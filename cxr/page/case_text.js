// What a case teaches, below its answer: the label, what to look at, and what the bundled model said.
const { cxr, cxrCases } = window;
const say = cxr.speaker(props.texts);
const { state } = cxrCases;
const $ = (selector) => element.querySelector(selector);

const said = ({ verdict, probability, reasons, comparison }) => {
  if (!verdict) return `${say("case_refused")} ${cxr.sentences(reasons, say)}`;
  const answer = say(`said_${verdict}`, { probability: cxr.probability(probability) });
  return `${answer} ${say(`compared_${comparison}`)}`;
};

const show = () => {
  cxr.translate(element, say);
  const name = state.shown;
  const shown = name && name === state.chosen && !cxrCases.asking();
  $("article").hidden = !shown && !state.unknown;
  for (const part of element.querySelectorAll("dl, .credit")) part.hidden = !shown;
  if (state.unknown) $("h2").textContent = say("case_unknown", { name: state.unknown });
  if (!shown) return;
  const one = props.cases[name];
  $("h2").textContent = one.title[cxr.language];
  $("dd.label").textContent = say(`label_${one.label}`);
  $("dd.look").textContent = one.look[cxr.language];
  $("dd.model").textContent = said(one);
  $(".credit span").textContent = say(one.radiograph ? "case_credit" : "case_own");
  $(".of-data-set").hidden = !one.radiograph;
  $(".licence").hidden = !one.radiograph;
  $(".link").href = `?case=${name}`;
};

cxrCases.onChange(show);
cxr.onChange(show);
