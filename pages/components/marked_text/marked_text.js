// Draws texts with marked stretches. Text only ever enters the page through textContent.

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/;

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawn(stretch) {
  if (!stretch.colour) return document.createTextNode(stretch.text);
  const mark = element("mark", stretch.is_wrong ? "wrong" : "", stretch.text);
  mark.style.setProperty("--colour", `var(--st-${stretch.colour}-color)`);
  mark.style.setProperty("--ground", `var(--st-${stretch.colour}-background-color)`);
  if (stretch.name) mark.append(element("small", "", stretch.name));
  return mark;
}

function line(each) {
  const row = element("div", "line");
  if (each.title) row.append(element("span", "title", each.title));
  const text = element("p", "text");
  text.append(...each.stretches.map(drawn));
  const letter = each.stretches.map((stretch) => stretch.text).join("").match(/\p{L}/u);
  text.dir = letter && RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
  row.append(text);
  return row;
}

export default function ({ data, parentElement }) {
  const blocks = parentElement.querySelector(".blocks");
  blocks.setAttribute("role", "group");
  blocks.setAttribute("aria-label", data.label);
  blocks.replaceChildren(
    ...data.blocks.map((block) => {
      const made = element("section", "");
      if (block.title) made.append(element("h4", "", block.title));
      made.append(...block.lines.map(line));
      return made;
    }),
  );
}
