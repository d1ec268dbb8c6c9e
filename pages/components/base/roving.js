
// ---- One stop for many buttons: Tab comes to one of them and leaves from it, arrows go from one to the next.

const stops = new WeakMap(); // a set of buttons → the place of the one that Tab comes to

// Puts other elements into a set of buttons. Focus stays at its place.
function refill(set, ...elements) {
  const focused = buttonsOf(set).indexOf(set.getRootNode().activeElement);
  set.replaceChildren(...elements);
  rove(set);
  if (focused >= 0) buttonsOf(set)[focused]?.focus({ preventScroll: true });
}

// At first Tab comes to the first button that is pressed, or else to the first one.
function rove(set) {
  const buttons = buttonsOf(set);
  const pressed = buttons.findIndex((button) => button.ariaPressed === "true");
  const stop = Math.min(stops.get(set) ?? Math.max(pressed, 0), buttons.length - 1);
  for (const [place, button] of buttons.entries()) {
    button.tabIndex = place === stop ? 0 : -1;
    button.addEventListener("focus", () => {
      for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
      stops.set(set, place);
    });
  }
  set.onkeydown = (event) => onRovingKey(buttons, event);
}

const buttonsOf = (set) => [...set.querySelectorAll("button")];

function onRovingKey(buttons, event) {
  const at = buttons.indexOf(event.target);
  if (at < 0 || event.altKey || event.metaKey || event.ctrlKey) return;
  if (event.key === "Escape") return leave(event);
  const next = getComputedStyle(event.currentTarget).direction === "rtl" ? -1 : 1;
  const steps = { ArrowRight: next, ArrowLeft: -next, Home: -Infinity, End: Infinity };
  const lines = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in steps) buttons[Math.min(Math.max(at + steps[event.key], 0), buttons.length - 1)].focus();
  else if (event.key in lines) onNextLine(buttons, at, lines[event.key])?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation(); // the page has short cuts of its own
}

// Escape: nothing has focus any more; Tab goes on from there.
function leave(event) {
  event.target.blur();
}

// The nearest button of the line above (-1) or below (1), by where they lie.
function onNextLine(buttons, at, direction) {
  const middles = buttons.map((button) => {
    const box = button.getClientRects()[0] ?? button.getBoundingClientRect();
    return [box.top + box.height / 2, box.left + box.width / 2, box.height / 2];
  });
  const [top, left, half] = middles[at];
  const beyond = Array.from(buttons.keys()).filter((place) => direction * (middles[place][0] - top) > half);
  const nearest = Math.min(...beyond.map((place) => Math.abs(middles[place][0] - top)));
  const onLine = beyond.filter((place) => Math.abs(middles[place][0] - top) < nearest + half);
  const away = (place) => Math.abs(middles[place][1] - left);
  return buttons[onLine.sort((one, other) => away(one) - away(other))[0]];
}
