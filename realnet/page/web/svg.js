// Elements without markup: what comes over the wire is text, and stays text.

const space = "http://www.w3.org/2000/svg";

/** svg makes an SVG element with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(space, tag), attributes, children);
}

/** html makes an HTML element with attributes and children. */
export function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** say sets the text of an element, if it is another than it has. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** wear sets an attribute, if it is another than it has. */
export function wear(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
