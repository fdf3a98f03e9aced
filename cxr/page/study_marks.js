// --- Marks: strokes of a round brush where the reader sees disease ----------------------------------------
// As cxrStatistics.overlap takes them, in fractions of the radiograph's width.

const MARK = "#4ade80";
const layer = document.createElement("canvas");
let marks = []; // on the radiograph on the desk
const brush = () => Number($(".brush").value);

const rounded = (value) => Math.round(value * 1e4) / 1e4;
const beginStroke = () => { if (blinded()) marks.push({ radius: brush(), points: [] }); };
const brushAt = (x, y) => {
  if (!blinded() || !marks.length) return;
  const { radius, points } = marks.at(-1);
  const { width, height } = answered();
  const at = [rounded(x / width), rounded(y / width)];
  const beyond = (value, most) => Math.max(-value, value - most, 0);
  if (Math.hypot(beyond(at[0], 1), beyond(at[1], height / width)) >= radius) {
    // Beside the radiograph a stroke ends: else it would join where it left and where it came back.
    if (points.length) marks.push({ radius, points: [] });
    return;
  }
  const last = points.at(-1);
  if (last && Math.hypot(at[0] - last[0], at[1] - last[1]) < radius / 4) return;
  points.push(at);
  showReading();
  draw();
};
// A stroke that was beside the radiograph throughout, or at its end, is no mark.
const endStroke = () => {
  marks = drawnMarks();
  keepDraft();
};
const undo = () => {
  if (!blinded()) return;
  marks.pop();
  keepDraft();
  showReading();
  draw();
};

// Their common outline, so that what is marked stays in sight.
const drawMarks = (context, { width, line }) => {
  [layer.width, layer.height] = [context.canvas.width, context.canvas.height];
  const ink = layer.getContext("2d");
  ink.setTransform(context.getTransform());
  Object.assign(ink, { lineCap: "round", lineJoin: "round", strokeStyle: MARK });
  const stroke = (more) => marks.forEach(({ radius, points }) => {
    ink.lineWidth = 2 * radius * width + more;
    ink.beginPath();
    points.forEach(([x, y], i) => {
      if (!i) ink.moveTo(x * width, y * width);
      ink.lineTo(x * width + 0.01, y * width); // a point alone is a disc
    });
    ink.stroke();
  });
  stroke(2 * line);
  ink.globalCompositeOperation = "destination-out";
  stroke(-2 * line);
  context.save();
  context.resetTransform();
  context.drawImage(layer, 0, 0);
  context.restore();
};
const drawBrush = (context, { width, line }) => {
  if (marks.length) drawMarks(context, { width, line });
  if (state.mode !== "mark" || !stage.pointer) return;
  const { x, y } = placeOnRadiograph(stage.pointer);
  context.strokeStyle = MARK;
  context.lineWidth = line;
  context.beginPath();
  context.arc(x, y, brush() * width, 0, 2 * Math.PI);
  context.stroke();
};
