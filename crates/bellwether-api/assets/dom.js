// Elements without a framework: text is always a text node, so nothing that arrives can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** @param {any} element @param {Record<string, any> | null} attributes @param {any[]} children */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(2)) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

/** An HTML element. @type {(tag: string, attributes?: Record<string, any> | null, ...children: any[]) => any} */
export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
/** An SVG element. @type {(tag: string, attributes?: Record<string, any> | null, ...children: any[]) => any} */
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** Writes only what changed, so that a selection or a screen reader is not disturbed many times a second. @param {any} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {any} element @param {string} name @param {any} value */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Puts `children` into `parent` in this order and moves only those out of place; keeps the keyboard focus. @param {any} parent @param {any[]} children */
export function arrange(parent, children) {
  /** @type {any} */
  const focused = document.activeElement;
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}
