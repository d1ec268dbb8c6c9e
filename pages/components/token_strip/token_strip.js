// Draws a text as a row of tokens. Text only ever enters the page through textContent.

const DOUBLE_CLICK = 400; // ms; the second half of a double click must not undo the first
const STRONGEST = 50; // per cent of colour at weight 1 or -1: text keeps a contrast of 4.5 on it

export default function ({ data, parentElement, setTriggerValue }) {
  const strip = parentElement.querySelector(".strip");
  const detail = parentElement.querySelector(".detail");

  const show = (note) => {
    detail.textContent = note || data.hint;
    detail.classList.toggle("hint", !note);
  };

  const draw = (span) => {
    const isButton = span.index >= 0;
    const element = document.createElement(isButton ? "button" : "span");
    element.textContent = span.text;
    element.className = `${span.kind} shade-${span.group % 2} segment-${span.segment}`;
    if (span.weight !== null) {
      const color = span.weight < 0 ? "orange" : "blue";
      const share = Math.round(STRONGEST * Math.min(Math.abs(span.weight), 1));
      element.style.background = `color-mix(in srgb, var(--st-${color}-color) ${share}%, transparent)`;
      element.style.opacity = 1;
    }
    if (isButton) {
      element.type = "button";
      element.dataset.index = span.index;
      element.title = span.note;
      if (data.clickable) element.setAttribute("aria-pressed", span.kind === "mask");
      element.onmouseenter = () => show(span.note);
      element.onfocus = () => show(span.note);
      element.onblur = () => show("");
      element.onclick = (event) => {
        show(span.note);
        const isSecond = strip.clicked?.index === span.index && event.timeStamp - strip.clicked.at < DOUBLE_CLICK;
        strip.clicked = { index: span.index, at: event.timeStamp };
        if (data.clickable && !isSecond) setTriggerValue("clicked", span.index);
      };
    }
    return element;
  };

  // The first letter of the text itself decides: dir="auto" would take the C of [CLS].
  const letter = data.spans.filter((span) => span.kind !== "special").map((span) => span.text).join("").match(/\p{L}/u);
  strip.dir = letter && /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/.test(letter[0]) ? "rtl" : "ltr";
  strip.setAttribute("role", "group");
  strip.setAttribute("aria-label", data.label);
  show("");
  refill(strip, ...data.spans.map(draw)); // shows the note of the token that has focus
  strip.onmouseleave = () => show("");
  const save = parentElement.querySelector(".save");
  save.hidden = !data.file;
  save.onclick = () => savePicture(strip, data.file);
}
