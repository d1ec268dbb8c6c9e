// Shows how a number came about: a table of products, each with a bar, and a table of lines. Text only ever enters the
// page through textContent.

const orders = new WeakMap(); // what was chosen stays when another cell is looked at

export default function ({ data, parentElement }) {
  const find = (name) => parentElement.querySelector(name);
  const terms = data.terms.map(([label, left, right]) => termOf(label, Number(left), Number(right)));
  find(".arithmetic").setAttribute("aria-label", data.sentence);
  colorBars(find(".arithmetic"));
  find(".products").hidden = terms.length === 0;
  if (terms.length) {
    find(".summary").textContent = summary(terms);
    find(".terms thead").replaceChildren(headRow(data));
    const rows = termRows(terms);
    const show = (order) => {
      orders.set(parentElement, order);
      for (const button of parentElement.querySelectorAll("[data-order]")) {
        button.setAttribute("aria-pressed", button.dataset.order === order);
      }
      find(".terms tbody").replaceChildren(...(order === "given" ? rows : largestFirst(terms, rows)));
      find(".scroll").scrollTop = 0;
    };
    for (const button of parentElement.querySelectorAll("[data-order]")) {
      button.onclick = () => show(button.dataset.order);
    }
    show(orders.get(parentElement) ?? "largest");
    rove(find(".order"));
  }
  find(".lines tbody").replaceChildren(...data.lines.map(lineRow));
}

// The strong ends of the palette that the matrices use, but not the very last: those are as dark as the text.
function colorBars(root) {
  const palette = getComputedStyle(root).getPropertyValue("--st-chart-diverging-colors").split(",");
  root.style.setProperty("--below", palette.at(2));
  root.style.setProperty("--above", palette.at(-3));
}

const termOf = (label, left, right) => ({ label, left, right, product: left * right });

// Seven digits, with a plain minus: copied from the page, they remain numbers.
const written = (value) => infinite(value.toPrecision(7));

const infinite = (text) => text.replace("Infinity", "∞");

// The roles are spelled out because the list of products is laid out as a grid, which takes them from a table.
function make(tag, role, text = "") {
  const element = document.createElement(tag);
  element.setAttribute("role", role);
  element.textContent = text;
  return element;
}

function number(value, name, meaning) {
  const element = make("td", "cell", written(value));
  element.dataset[name] = meaning;
  return element;
}

function row(...cells) {
  const element = make("tr", "row");
  element.append(...cells);
  return element;
}

const headRow = ({ left, right }) =>
  row(...["", left, right, "product", ""].map((name) => make("th", "columnheader", name)));

function termRows(terms) {
  const largest = Math.max(...terms.map(({ product }) => Math.abs(product))) || 1;
  return terms.map(({ label, left, right, product }) => {
    const name = make("th", "rowheader", label);
    name.title = label;
    const bar = make("td", "cell");
    bar.className = product < 0 ? "bar below" : "bar above";
    bar.style.setProperty("--share", Math.abs(product) / largest);
    return row(
      name,
      number(left, "term", "left"),
      number(right, "term", "right"),
      number(product, "term", "product"),
      bar,
    );
  });
}

function largestFirst(terms, rows) {
  const sizes = terms.map(({ product }) => Math.abs(product));
  return Array.from(rows.keys())
    .sort((one, other) => sizes[other] - sizes[one])
    .map((place) => rows[place]);
}

function summary(terms) {
  const side = (name, isOn) => {
    const products = terms.map(({ product }) => product).filter(isOn);
    const sum = products.reduce((total, product) => total + product, 0);
    return `${products.length.toLocaleString("en")} ${name} sum to ${infinite(String(Number(sum.toPrecision(4))))}`;
  };
  return `${side("positive products", (product) => product > 0)}, ${side("negative ones", (product) => product < 0)}`;
}

const lineRow = ([label, value], place) => row(make("th", "rowheader", label), number(Number(value), "line", place));
