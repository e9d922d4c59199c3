/** What {@link element} may set: attributes by name; `undefined` and `false` leave one out, `true` sets it empty. */
export interface Attributes {
  readonly [name: string]: string | boolean | number | undefined
}

const setAttributes = (target: Element, attributes: Attributes): void => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) target.removeAttribute(name)
    else target.setAttribute(name, value === true ? "" : String(value))
  }
}

/** Makes an HTML element. Children that are text stay text, whatever they hold. */
export const element = <K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[K] => {
  const made = document.createElement(name)
  setAttributes(made, attributes)
  made.append(...children)
  return made
}

/** Makes an SVG element. */
export const svgElement = <K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: ReadonlyArray<Node | string>
): SVGElementTagNameMap[K] => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name)
  setAttributes(made, attributes)
  made.append(...children)
  return made
}

/** Sets the text of an element, touching the page only when it changes. */
export const setText = (target: Element, text: string): void => {
  if (target.textContent !== text) target.textContent = text
}
